"""What an arm's search chose, in a line and whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search.evidence.comparison import compare
from search.evidence.winner import setting_text, settings_text, winners
from search.report.status import status_json, status_text
from search.report.tables import winner_lines
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling, two_arm_run


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.43e-4, "9.4e-4"),
        (1e-5, "1e-5"),
        (0.0457, "0.046"),
        (0.00163, "0.0016"),
        (1.234, "1.23"),
        (128.0, "128"),
        (54321.0, "54321"),
        (2.5e6, "2.5e6"),
        (-0.0004, "-4e-4"),
        (0.0, "0"),
        (16, "16"),
        (True, "true"),
        (None, "null"),
        ("l2", "l2"),
        ([0.5, 0.25], "[0.5, 0.25]"),
        ({"kind": "cubic", "states": 5}, "{kind: cubic, states: 5}"),
    ],
)
def test_a_setting_is_told_in_few_letters(value: Any, text: str) -> None:
    assert setting_text(value) == text


def test_settings_stand_in_one_line() -> None:
    assert (
        settings_text({"train.lr": 9.43e-4, "prune.rsst.shrink": 0.0457}) == "train.lr 9.4e-4, prune.rsst.shrink 0.046"
    )


def test_compare_and_status_name_what_each_arm_chose(tmp_path: Path) -> None:
    results = load_results(two_arm_run(tmp_path / "run", seeds=2).path)
    comparison = compare(results)
    assert winner_lines(comparison) == [
        "refill chose train.lr 0.001 (refill-000)",
        "rsst   chose train.lr 0.001 (rsst-000)",
    ]
    winner = {"id": "rsst-000", "search": 0, "settings": {"train.lr": 0.001}, "so_far": False}
    assert comparison.to_json()["arms"]["rsst"]["winners"] == [winner]
    assert "rsst: best rsst-000, val 0.9300, train.lr 0.001 (" in status_text(results)
    status = status_json(results)
    assert status["best"]["settings"] == status["arms"]["rsst"]["best"]["settings"] == {"train.lr": 0.001}


def test_an_arm_that_searched_nothing_and_one_without_a_finished_trial_chose_no_settings(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("refill", falling(0.9), values={})
    made.add("rsst", falling(0.9)[:2], status="diverged")
    results = load_results(made.path)
    assert winners(results, "refill") == winners(results, "rsst") == ()
    assert winner_lines(compare(results)) == []
    assert "refill: best refill-000, val 0.9000 (1 finished)" in status_text(results)


def test_while_a_search_goes_on_it_is_told_what_is_best_so_far_and_that_nothing_is_confirmed_yet(
    tmp_path: Path,
) -> None:
    search = {"algorithm": "random", "trials_per_arm": 2, "confirm": {"seeds": [101, 102]}}
    made = MadeRun(tmp_path / "run", {arm: {"prune.method": arm} for arm in ("refill", "rsst")}, {"search": search})
    made.add("refill", falling(0.9), values={"train.lr": 1e-3})
    made.add("refill", falling(0.8), number=1, values={"train.lr": 2e-3})
    made.add("rsst", falling(0.9), values={"train.lr": 1e-3})
    comparison = compare(load_results(made.path))
    assert winner_lines(comparison) == [
        "refill chose train.lr 0.001 (refill-000)",
        "rsst   has so far train.lr 0.001 (rsst-000)",
    ]
    assert comparison.verdict.endswith("and the confirm phase has not begun, so nothing is claimed yet.")
