"""Every trial in a table that a small script sorts; what a user named stays words wherever it stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from search.report.page import run_report
from search.report.page_data import page_data
from search.report.rendering import render
from search.report.trial_table import COLUMN_KINDS, HEADING, ON_ONE_PAGE, TrialRow, trial_rows, trial_table
from search.run.results import RunResults, load_results
from tests.search.made_runs import MadeRun, falling
from tests.search.report.by_node import run_script

EVIL = "</script><script>alert(1)</script>"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> RunResults:
    """Of what a user can name all that a study takes says that it is a script."""
    path = tmp_path_factory.mktemp("trials") / "run"
    made = MadeRun(path, study={"space": {"train.lr": {"log_uniform": [1e-4, 1e-2]}}})
    made.add("refill", falling(0.9), lr=9.43e-4)
    made.add("refill", falling(0.95)[:2], number=1, lr=0.002, status="stopped")
    made.add("rsst", falling(0.8), lr=0.004)
    made.add("rsst", [], number=1, status="failed")
    for folder, text in (("refill-001", '"reason": "asha: too low ' + EVIL), ("rsst-001", '"error": "Torn\\nline')):
        record = path / "trials" / folder / "record.jsonl"
        content = record.read_text(encoding="utf-8")
        end = re.sub(r'("kind": ?"end")', lambda found, text=text: f'{found[1]}, {text}"', content)
        record.write_text(end, encoding="utf-8")
    return load_results(path)


def test_a_row_says_what_became_of_a_trial(results: RunResults) -> None:
    rows = {row.id: row for row in trial_rows(results)}
    assert rows["refill-000"].cells() == [
        "refill-000", "refill", "search", "0", "finished", "train.lr 9.4e-4", "90.00 %", "60.0", "4 M", "12.0", "",
    ]  # fmt: skip
    assert rows["refill-001"].reason == f"asha: too low {EVIL}"
    assert rows["rsst-001"].cells()[4:] == ["failed", "train.lr 0.001", "–", "–", "–", "–", "Torn line"]
    assert all(len(row.to_json()) == len(HEADING) for row in rows.values())


def test_a_long_table_is_left_to_the_script_but_on_a_page_without_one(
    results: RunResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.report.trial_table.ON_ONE_PAGE", 3)
    assert len(trial_table(results, whole=True).rows) == 4
    assert trial_table(results, whole=False).rows == []


def test_no_text_of_a_run_ends_a_script_or_begins_one(results: RunResults) -> None:
    report = run_report(results, EVIL)
    text = render("page.html.j2", {"title": report.name, "runs": [report], "static": False})
    assert "<script>alert" not in text
    assert text.count("</script>") == 3
    data = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    trials = json.loads(data[1])["runs"][0]["trials"]
    assert EVIL in trials[1][10]
    assert not set("<>&") & set(data[1])


def test_a_run_without_an_epoch_or_a_search_has_its_data(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run", arms={"only_one": {"prune.method": "rsst"}})
    made.add("only_one", falling(0.9), phase="trial", values={})
    (run,) = json.loads(page_data([run_report(load_results(made.path), "one")]))["runs"]
    assert run["colours"] == {"only_one": "var(--series-0)"}
    assert run["shown"] == "0:3"
    layout, shares = run["of"]["0:3"]
    kinds = [kind for _, kind in run["layouts"][layout]]
    assert kinds == ["heads"] * 4 + ["neurons"] * 4
    assert shares == [50.0] * 4 + [39.8] * 4


def test_the_script_sorts_numbers_by_size_and_words_by_letters_and_what_is_missing_last(results: RunResults) -> None:
    rows = json.dumps([row.to_json() for row in trial_rows(results)])
    found = run_script(
        f"const [kinds, rows] = [{json.dumps(COLUMN_KINDS)}, {rows}];"
        "const ids = (column, falling) => sorted(rows, column, falling, kinds).map((row) => row[0]);"
        "return [ids(6, true), ids(6, false), ids(0, true), matching(rows, 'STOPPED', kinds).map((row) => row[0])];"
    )
    falling_accuracy, rising_accuracy, names, stopped = found
    assert falling_accuracy == ["refill-001", "refill-000", "rsst-000", "rsst-001"]
    assert rising_accuracy == ["rsst-000", "refill-000", "refill-001", "rsst-001"]
    assert names == ["rsst-001", "rsst-000", "refill-001", "refill-000"]
    assert stopped == ["refill-001"]


def test_the_script_writes_cells_as_the_page_does(results: RunResults) -> None:
    rows = [
        *trial_rows(results),
        TrialRow("a", "b", "search", 3, "finished", ("x 1", "y 2"), 0.12345, 33.333, 1_303_808, 4.55, "<b>"),
    ]
    written = run_script(
        f"const [kinds, rows] = [{json.dumps(COLUMN_KINDS)}, {json.dumps([row.to_json() for row in rows])}];"
        "return rows.map((row) => row.map((one, at) => shown(one, kinds[at])));"
    )
    assert written == [row.cells() for row in rows]


def test_the_script_is_told_the_columns_and_knows_when_the_table_is_long(results: RunResults) -> None:
    assert json.loads(page_data([run_report(results, "run")]))["kinds"] == list(COLUMN_KINDS)
    assert run_script("return ALL_AT_ONCE;") == ON_ONE_PAGE
