from __future__ import annotations

import argparse
import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from models.errors import UserError
from search.commands import compare as compare_command
from search.commands import pareto as pareto_command
from search.commands import report as report_command
from search.commands.common import Outcome
from search.report.drawing import ROLES
from search.report.html import tied
from search.report.importances import importances
from search.report.provenance import provenance_section
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling, two_arm_run


def run_command(module: object, *words: str) -> Outcome:
    parser = argparse.ArgumentParser()
    module.configure(parser)  # type: ignore[attr-defined]  # a command's module
    return module.run(parser.parse_args(words))  # type: ignore[attr-defined, no-any-return]  # a command's module


class Page(HTMLParser):
    """What a page holds that a browser would ask the network for, its ids, and its figures' labels."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("link", "script", "img", "iframe"):
            self.fetched.append(tag)
        self.fetched += [
            value for key, value in attrs if key in ("src", "href", "xlink:href") and value and value[0] != "#"
        ]
        self.ids += [values["id"] or ""] if "id" in values else []
        if tag == "svg":
            self.labels.append(values.get("aria-labelledby"))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "run"
    two_arm_run(path)
    run_command(report_command, str(path))
    return path / "report"


def read_page(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def test_the_page_stands_alone(report: Path) -> None:
    page = read_page(report / "index.html")
    assert page.fetched == []
    assert "url(http" not in (report / "index.html").read_text(encoding="utf-8")
    assert len(page.ids) == len(set(page.ids))


def test_every_figure_has_a_text_alternative(report: Path) -> None:
    page = read_page(report / "index.html")
    assert len(page.labels) >= 6
    assert all(label in page.ids for label in page.labels)
    titles = re.findall(r"<title id=\"[^\"]+\">([^<]+)</title>", (report / "index.html").read_text(encoding="utf-8"))
    assert all(len(title) > 40 for title in titles)
    assert any("refill: 97.0 % at 0, 9" in title for title in titles)


def test_figures_follow_the_theme(report: Path) -> None:
    text = (report / "index.html").read_text(encoding="utf-8")
    figures = text[text.index("<svg") :]
    assert not [literal for literal in ROLES if literal in figures]
    assert "var(--series-0)" in figures
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_the_page_says_verdict_provenance_and_how_to_run_it_again(report: Path) -> None:
    text = (report / "index.html").read_text(encoding="utf-8")
    assert "rsst is better than refill at 60 % removed by" in text
    assert "chosen by validation from 4 candidates" in text
    assert "source: random" in text
    assert "e" * 40 in text
    assert "prunetune sweep study.yaml" in text


def test_names_in_a_study_cannot_inject_markup(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run", study={"space": {"prune.criterion": {"choice": ["magnitude", "l2"]}}})
    for arm in ("refill", "rsst"):
        made.add(arm, falling(0.9), values={"prune.criterion": "l2"})
    record = tmp_path / "run" / "trials" / "rsst-000" / "record.jsonl"
    record.write_text(record.read_text().replace("one processor", "<script>alert(1)</script>"))
    run_command(report_command, str(tmp_path / "run"))
    assert "<script" not in (tmp_path / "run" / "report" / "index.html").read_text()


def test_tables_hold_every_trial_and_state(report: Path) -> None:
    trials = list(csv.DictReader((report / "trials.csv").open()))
    states = list(csv.DictReader((report / "states.csv").open()))
    assert len(trials) == 20
    assert len(states) == 80
    assert {row["train.lr"] for row in trials} == {"0.001", "0.002"}
    assert states[3]["macs_share"] == "0.4"
    comparison = json.loads((report / "comparison.json").read_text())
    assert comparison["schema_version"] == 1
    assert comparison["primary"][0]["kind"] == "better"
    assert comparison["test"]["images"] == 360


def test_every_plot_is_there_as_png_and_svg(report: Path) -> None:
    names = {path.stem for path in report.glob("*.svg")}
    assert names == {path.stem for path in report.glob("*.png")}
    assert {
        "accuracy-by-removed",
        "accuracy-by-macs",
        "paired-differences",
        "kept-structure-rsst",
        "search-budget",
    } <= names
    assert (report / "settings.png").read_bytes().startswith(b"\x89PNG")


def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    for name in ("a", "b"):
        two_arm_run(tmp_path / name, seeds=2)
    outcome = run_command(report_command, str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "both"))
    page = read_page(tmp_path / "both" / "index.html")
    assert len(page.ids) == len(set(page.ids))
    assert "b/comparison.json" in outcome.json["files"]
    assert all((tmp_path / "both" / name).exists() for name in outcome.json["files"])


def test_controls_and_keys_of_single_arms_find_their_place(tmp_path: Path) -> None:
    arms = {name: {"prune.method": name} for name in ("rsst", "refill", "dense", "imp")}
    space = {
        "train.lr": {"log_uniform": [1e-4, 1e-2], "arms": ["refill", "dense"]},
        "train.epochs_per_state": {"int": [1, 4], "arms": ["rsst", "dense"]},
        "prune.rsst.shrink": {"log_uniform": [1e-4, 0.5], "arms": ["rsst"]},
    }
    made = MadeRun(tmp_path / "run", arms=arms, study={"space": space, "search": {"trials_per_arm": 2}})
    for number in range(2):
        made.add("rsst", falling(0.9 + number / 50), number=number, values={
            "train.epochs_per_state": 1 + number, "prune.rsst.shrink": 0.01 * (1 + number)})  # fmt: skip
        made.add("refill", falling(0.88), number=number, values={"train.lr": 0.001 * (1 + number)})
        made.add(
            "dense",
            [0.95] * 4,
            number=number,
            removed=(0,) * 4,
            values={"train.lr": 0.001, "train.epochs_per_state": 2},
        )
        made.add("imp", falling(0.91), number=number, values={})
    run_command(report_command, str(tmp_path / "run"))
    text = (tmp_path / "run" / "report" / "index.html").read_text()
    assert "best searched configuration is rsst&#x27;s" in text
    assert "imp-" not in run_command(pareto_command, str(tmp_path / "run")).text


def test_one_arm_has_a_report_but_no_comparison(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run", arms={"rsst": {"prune.method": "rsst"}})
    made.add("rsst", falling(0.9))
    run_command(report_command, str(tmp_path / "run"))
    assert "nothing to compare it with" in (tmp_path / "run" / "report" / "index.html").read_text()
    with pytest.raises(UserError, match="its only arm is 'rsst'; a comparison needs two or more"):
        run_command(compare_command, str(tmp_path / "run"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b'{"kind":"config","schema_version":99}\n',
            "written as version 99 of the record, this prunetune reads version 1",
        ),
        (b'{"kind":"config","schema_ver\n{}\n', "damaged"),
        (b"[1]\n", "its first line is no configuration"),
        (b"\xff\xfe\x00\n", "damaged"),
    ],
)
def test_a_damaged_or_foreign_record_is_one_clear_line(tmp_path: Path, content: bytes, says: str) -> None:
    made = MadeRun(tmp_path / "run")
    folder = made.add("refill", falling(0.9))
    (folder / "record.jsonl").write_bytes(content)
    for command in (report_command, compare_command, pareto_command):
        with pytest.raises(UserError, match=says) as error:
            run_command(command, str(tmp_path / "run"))
        assert "\n" not in str(error.value)
        assert "record.jsonl" in str(error.value)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"identity": 1}'])
def test_a_damaged_request_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    folder = MadeRun(tmp_path / "run").add("refill", falling(0.9))
    (folder / "trial.json").write_bytes(content)
    with pytest.raises(UserError, match=r"trial\.json: (damaged|no request)") as error:
        run_command(compare_command, str(tmp_path / "run"))
    assert "\n" not in str(error.value)


def test_damaged_predictions_are_one_clear_line(tmp_path: Path) -> None:
    made = two_arm_run(tmp_path / "run", seeds=2)
    for path in made.path.glob("trials/*/states/*.predictions.safetensors"):
        path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="damaged predictions"):
        run_command(compare_command, str(made.path))


def test_a_folder_that_is_no_run_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run is here"):
        run_command(report_command, str(tmp_path))


def test_pareto_lists_the_front(tmp_path: Path) -> None:
    made = two_arm_run(tmp_path / "run", seeds=2)
    outcome = run_command(pareto_command, str(made.path))
    assert outcome.json["states"] == 32
    assert [one["state"] for one in outcome.json["front"]] == [3, 2, 1, 0]
    assert outcome.text.startswith("4 of 32 states are on the front")


@pytest.mark.slow
def test_importances_name_the_setting_that_acts(tmp_path: Path) -> None:
    space = {"train.lr": {"log_uniform": [1e-4, 1e-2]}, "train.batch_size": {"int": [16, 64]}}
    made = MadeRun(tmp_path / "run", study={"space": space})
    for number in range(12):
        values = {"train.lr": 1e-4 * 1.5**number, "train.batch_size": 16 + (number * 7) % 12}
        made.add("refill", falling(0.7 + 0.02 * number), number=number, values=values)
    views = load_results(tmp_path / "run").of_arm("refill")
    found = importances(views)
    assert next(iter(found)) == "train.lr"
    assert sum(found.values()) == pytest.approx(1.0)
    assert importances(views[:5]) == {}


def test_weights_of_one_source_are_told_once_whatever_the_seeds_drew(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    for number in range(6):
        folder = made.add("rsst", falling(0.9), number=number)
        text = (folder / "record.jsonl").read_text()
        (folder / "record.jsonl").write_text(text.replace("ab" * 32, f"{number:064d}"))
    page = provenance_section(load_results(made.path))
    assert page.count("<h3>") == 1
    assert "6 of them, one for each seed" in page
    assert f"{3:064d}" in page
    assert "and 2 more" in page


def test_weights_of_two_sources_are_told_apart_by_arm(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("refill", falling(0.9))
    folder = made.add("rsst", falling(0.9))
    text = (folder / "record.jsonl").read_text()
    (folder / "record.jsonl").write_text(text.replace('"verdict":"random"', '"verdict":"unproven"'))
    page = provenance_section(load_results(made.path))
    assert "Initial weights of refill" in page
    assert "Initial weights of rsst" in page


def test_equal_training_cost_stands_on_the_page_as_exploratory(report: Path) -> None:
    page = (report / "index.html").read_text()
    assert "Exploratory: validation accuracy at equal training cost" in page
    rows = json.loads((report / "comparison.json").read_text())["equal_training_cost"]
    assert [row["arm"] for row in rows] == ["rsst"] * 3
    assert f"<td>{100 * rows[0]['ours']['val_accuracy']:.2f}\u00a0%</td>" in page


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("95.73 % [91.56, 99.90]", "95.73~% [91.56,~99.90]"),
        ("1.3 M", "1.3~M"),
        ("× 1.10", "×~1.10"),
        ("[-0.31, +1.20]", "[-0.31,~+1.20]"),
        ("8 heads, 307 neurons", "8 heads, 307 neurons"),
        ("6 (3 stopped)", "6 (3 stopped)"),
    ],
)
def test_a_number_and_its_unit_stay_on_one_line(cell: str, shown: str) -> None:
    assert tied(cell) == shown.replace("~", "\u00a0")
