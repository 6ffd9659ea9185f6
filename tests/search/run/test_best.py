"""The winner by the study's own objective: one rule, wherever a winner is taken."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.support.simulation import Simulation, make_study
from search.commands import compare as compare_command
from search.evidence.comparison import compare
from search.evidence.final_test import FinalTest, NothingChosen, final_test
from search.evidence.selection import Budget, choose, how_chosen
from search.report.page import run_report
from search.report.status import status_json, status_text
from search.report.tables import final_test_sentence
from search.run.folder import RunFolder
from search.run.results import RunResults, load_results
from search.run.store import TrialStore
from search.tuning.progress import Progress
from search.tuning.trial_queue import TrialQueue
from tests.search.made_runs import MadeRun, falling

LARGE, SMALL = (0.0, 3.0, 6.0, 10.0), (0.0, 30.0, 60.0, 90.0)
"""Removed percentages that end at 900 and at 100 of 1000 MACs."""
CHEAPEST = {"objective": {"macs": "min"}, "constraints": ["val_accuracy >= 0.9"]}


def made_run(path: Path, search: Mapping[str, Any], arms: Sequence[str] = ("refill",)) -> MadeRun:
    patches = {arm: {"prune.method": arm} for arm in arms}
    return MadeRun(path, patches, {"search": {"algorithm": "random", "trials_per_arm": 3, **search}})


def best_id(results: RunResults, arm: str = "refill") -> str | None:
    best = results.best_of_arm(arm)
    return best and best.id


def test_the_cheapest_that_keeps_to_the_accuracy_is_chosen_everywhere(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", {**CHEAPEST, "confirm": {"seeds": [101, 102]}}, ("refill", "rsst"))
    made.add("refill", falling(0.97), removed=LARGE)
    made.add("refill", falling(0.92), number=1, removed=SMALL)
    made.add("refill", falling(0.85), number=2, removed=(0, 30, 60, 99))
    for number in range(3):
        made.add("rsst", falling(0.96), number=number, removed=LARGE)
    results = load_results(tmp_path / "run")
    assert best_id(results) == "refill-001"
    assert status_json(results)["best"]["id"] == "refill-001"
    line = "best by fewest MACs within val_accuracy >= 0.9 refill-001"
    assert line in status_text(results)
    store = TrialStore(RunFolder(tmp_path / "run"))
    console = Console(width=200)
    with console.capture() as captured:
        console.print(Progress(results.study, store, console).table())
    assert "best so far: refill-001" in captured.get()
    assert choose(results, Budget()).name == "refill-001:3"
    assert (
        "by fewest MACs within val_accuracy >= 0.9 the best searched configuration is refill's"
        in compare(results).verdict
    )
    queued = TrialQueue(results.study, store).next()
    assert not isinstance(queued, str)
    assert (queued.identity.phase, queued.source) == ("confirm", "refill-001")


def test_the_confirmed_winner_is_the_one_by_the_objective_too(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", {**CHEAPEST, "confirm": {"seeds": [101, 102]}}, ("refill", "rsst"))
    for arm, accuracies, removed in (("refill", (0.93, 0.89), SMALL), ("rsst", (0.99, 0.98), LARGE)):
        made.add(arm, falling(accuracies[0]), removed=removed)
        for seed, accuracy in zip((101, 102), accuracies, strict=True):
            made.add(arm, falling(accuracy), seed=seed, confirm=True, removed=removed)
    results = load_results(tmp_path / "run")
    test = final_test(results)
    assert isinstance(test, FinalTest)
    # 0.91 on average keeps to it; of its two networks only the first does.
    assert test.id == "refill-confirm-s101"
    assert choose(results, Budget()).name == "refill-confirm-s101:3"
    assert final_test_sentence(test).startswith(
        "Test accuracy of refill-confirm-s101, chosen by fewest mean MACs within val_accuracy >= 0.9 of "
        "2 confirmed configurations (after a search of 2), then the best of its 2 seeds: 93.00 %"
    )


def test_a_mean_that_keeps_to_the_constraints_comes_before_one_lucky_seed(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", CHEAPEST, ("refill", "rsst"))
    for arm, accuracies, removed in (("refill", (0.91, 0.80), SMALL), ("rsst", (0.95, 0.94), LARGE)):
        for seed, accuracy in zip((101, 102), accuracies, strict=True):
            made.add(arm, falling(accuracy), seed=seed, confirm=True, removed=removed)
    assert choose(load_results(tmp_path / "run"), Budget()).name == "rsst-confirm-s101:3"


def test_a_lucky_seed_of_a_configuration_with_a_lower_mean_is_not_taken_and_the_rule_is_told(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", {"confirm": {"seeds": [101, 102]}}, ("refill", "rsst"))
    for arm, accuracies in (("refill", (0.99, 0.80)), ("rsst", (0.93, 0.92))):
        made.add(arm, falling(accuracies[0]))
        for seed, accuracy in zip((101, 102), accuracies, strict=True):
            made.add(arm, falling(accuracy), seed=seed, confirm=True)
    results = load_results(tmp_path / "run")
    assert choose(results, Budget()).name == "rsst-confirm-s101:3"
    of_means = "by highest mean validation accuracy of 2 confirmed configurations (after a search of 2)"
    assert how_chosen(results, Budget()) == f"{of_means}, then the best of its 2 seeds"


def test_nothing_that_keeps_to_the_constraints_is_said_and_nothing_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = made_run(tmp_path / "run", {"constraints": ["macs <= 0.3"]}, ("dense", "refill"))
    made.add("dense", falling(0.99), removed=(0, 0, 0, 0))
    made.add("refill", falling(0.97), removed=LARGE)
    results = load_results(tmp_path / "run")
    assert results.best_of_run() is None, "the dense control must not stand in for a small network"
    assert "refill: no finished trial keeps to macs <= 0.3 of dense" in status_text(results)
    assert final_test(results) == NothingChosen("no finished trial keeps to macs <= 0.3 of dense")
    outcome = compare_command.command.main([str(tmp_path / "run")], standalone_mode=False)
    assert outcome.json["test"] is None
    assert "not looked at: no finished trial keeps to macs <= 0.3 of dense." in outcome.text
    with pytest.raises(Exception, match=r"no network to take: no finished trial keeps to macs <= 0.3 of dense"):
        choose(results, Budget())


def test_a_place_that_no_trial_gets_to_is_the_reason_that_is_told(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", {"objective": {"metric": "val_accuracy", "at": 95}}, ("refill", "rsst"))
    for arm in ("refill", "rsst"):
        made.add(arm, falling(0.97), removed=LARGE)
    results = load_results(tmp_path / "run")
    reason = "no finished trial gets to 95 % removed, where the objective is read"
    assert final_test(results) == NothingChosen(reason)
    assert final_test_sentence(NothingChosen(reason)).endswith(f"was not looked at: {reason}.")
    assert f"rsst: {reason}" in status_text(results)


def test_a_report_of_a_run_that_chose_nothing_draws_without_a_word_on_stderr(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", {"objective": {"metric": "val_accuracy", "at": 95}}, ("refill",))
    made.add("refill", falling(0.97), removed=LARGE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = run_report(load_results(tmp_path / "run"), "run")
    # What stands for an arm is drawn in none of them; of the states there are, the front is.
    assert [plot.name for plot in report.plots] == ["accuracy-by-macs"]


def test_an_arm_that_nothing_is_confirmed_of_says_why(tmp_path: Path) -> None:
    search = {"algorithm": "random", "trials_per_arm": 1, "constraints": ["macs <= 0.1"], "confirm": {"seeds": [101]}}
    simulation = Simulation(make_study(tmp_path, search=search), tmp_path / "runs").go()
    told = "refill: no finished trial keeps to macs <= 0.1 of dense, so there is nothing to confirm"
    assert told in simulation.queue.notes
    assert load_results(simulation.run.path).complete


@pytest.mark.parametrize(
    ("search", "winner"),
    [
        ({"objective": {"val_accuracy": "max", "macs": "min"}}, "refill-000"),
        ({"objective": {"macs": "min", "val_accuracy": "max"}}, "refill-002"),
        ({"objective": {"val_accuracy": "max", "macs": "min"}, "choose": "macs"}, "refill-002"),
        ({"objective": ["val_accuracy", "macs"], "choose": "macs", "constraints": ["val_accuracy >= 0.9"]}, "refill-001"),
        ({"objective": "val_loss"}, "refill-000"),
        ({"objective": "removed_percent", "constraints": ["val_accuracy >= 0.9"]}, "refill-001"),
        ({"objective": {"metric": "val_accuracy", "at": 30}}, "refill-002"),
    ],
)  # fmt: skip
def test_each_objective_has_its_winner(tmp_path: Path, search: dict[str, Any], winner: str) -> None:
    made = made_run(tmp_path / "run", search)
    made.add("refill", [0.98, 0.90, 0.90, 0.96], removed=(0.0, 30.0, 35.0, 40.0))
    made.add("refill", [0.98, 0.91, 0.95, 0.93], number=1, removed=(0.0, 30.0, 60.0, 80.0))
    made.add("refill", [0.98, 0.97, 0.90, 0.80], number=2, removed=SMALL)
    assert best_id(load_results(tmp_path / "run")) == winner


def test_of_equals_the_more_accurate_then_the_earlier_is_chosen(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", CHEAPEST)
    for number, accuracy in enumerate((0.91, 0.95, 0.95)):
        made.add("refill", falling(accuracy), number=number, removed=SMALL)
    assert best_id(load_results(tmp_path / "run")) == "refill-001"


def test_a_tie_of_arms_goes_to_the_smaller_network_and_then_to_the_arm_named_first(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", {"confirm": {"seeds": [101]}}, ("rsst", "refill"))
    for arm in ("rsst", "refill"):
        made.add(arm, falling(0.95))
        made.add(arm, falling(0.94), seed=101, confirm=True)
    assert choose(load_results(tmp_path / "run"), Budget()).name == "rsst-confirm-s101:3"
    made.add("refill", falling(0.94), seed=101, confirm=True, removed=SMALL)
    assert choose(load_results(tmp_path / "run"), Budget()).name == "refill-confirm-s101:3"


def test_a_reference_is_read_at_its_last_state_and_held_to_no_limit(tmp_path: Path) -> None:
    search = {"objective": {"metric": "val_accuracy", "at": 60}, "constraints": ["macs <= 0.3"]}
    made = made_run(tmp_path / "run", search, ("refill", "dense"))
    made.add("dense", falling(0.95), removed=(0, 0, 0, 0))
    made.add("dense", falling(0.96), number=1, removed=(0, 0, 0, 0))
    assert best_id(load_results(tmp_path / "run"), "dense") == "dense-001"


def test_how_a_network_was_chosen_within_a_budget(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", {}, ("refill", "rsst"))
    made.add("refill", falling(0.97))
    made.add("rsst", falling(0.95))
    results = load_results(tmp_path / "run")
    assert how_chosen(results, Budget()) == "by highest validation accuracy from 2 configurations"
    assert (
        how_chosen(results, Budget(max_macs=0.5), "rsst")
        == "by highest validation accuracy within --max-macs 0.5 from 4 states of arm rsst"
    )


def test_controls_are_no_candidates_of_the_final_test(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", {}, ("dense", "refill"))
    made.add("dense", falling(0.99), removed=(0, 0, 0, 0))
    made.add("refill", falling(0.9))
    test = final_test(load_results(tmp_path / "run"))
    assert isinstance(test, FinalTest)
    assert (test.arm, test.to_json()["candidates"], test.to_json()["confirm_trials"]) == ("refill", 1, 0)
