from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import UserError
from search.evidence.selection import Budget, choose
from search.run.candidates import all_candidates, named_state, pareto
from search.run.results import RunResults, load_results
from tests.search.made_runs import MadeRun, falling


@pytest.fixture
def results(tmp_path: Path) -> RunResults:
    made = MadeRun(tmp_path / "run")
    folders = [
        made.add("refill", falling(0.90)),
        made.add("rsst", falling(0.92)),
        made.add("rsst", falling(0.50), number=1, status="stopped"),
        made.add("refill", falling(0.89), seed=101, confirm=True),
        made.add("rsst", falling(0.91), seed=101, confirm=True),
        made.add("rsst", falling(0.93), seed=102, confirm=True),
    ]
    for folder in folders:
        (folder / "states").mkdir()
        for state in range(4):
            (folder / "states" / f"{state:02d}.safetensors").touch()
    return load_results(tmp_path / "run")


def test_without_a_budget_the_best_configurations_last_state_is_chosen(results: RunResults) -> None:
    assert choose(results, Budget()).name == "rsst-confirm-s102:3"
    assert choose(results, Budget(), "refill").name == "refill-confirm-s101:3"


def test_every_state_of_every_trial_is_a_candidate(results: RunResults) -> None:
    assert len(all_candidates(results)) == 24
    assert {one.trial.status for one in all_candidates(results)} == {"finished", "stopped"}


def test_a_single_trial_is_no_candidate_of_an_arm_that_was_searched(results: RunResults) -> None:
    made = MadeRun(results.run)
    made.add("rsst", falling(0.99), number=7, phase="trial")
    again = load_results(results.run)
    assert (len(again.trials), len(all_candidates(again))) == (7, 24)
    assert "rsst-007:0" not in {one.name for one in pareto(all_candidates(again), "macs")}


def test_the_front_holds_what_nothing_beats(results: RunResults) -> None:
    candidates = all_candidates(results)
    front = pareto(candidates, "macs")
    assert [one.state.state for one in front] == [3, 2, 1, 0]
    for one in candidates:
        beaten = [
            other for other in candidates
            if other.state.macs <= one.state.macs and other.state.val_accuracy > one.state.val_accuracy
        ]  # fmt: skip
        assert (one in front) <= (not beaten)


@pytest.mark.parametrize(
    ("budget", "state"),
    [(Budget(max_macs=0.8), 1), (Budget(max_macs=7e6), 2), (Budget(max_params=80_000), 3), (Budget(1.0, 130_000), 2)],
)
def test_a_budget_takes_the_best_on_validation_within_it(results: RunResults, budget: Budget, state: int) -> None:
    chosen = choose(results, budget)
    assert chosen.state.state == state
    assert chosen.trial.id == ("rsst-confirm-s102")


def test_a_budget_that_nothing_meets_names_the_nearest(results: RunResults) -> None:
    with pytest.raises(
        UserError, match=r"no state meets --max-macs 0.1; the nearest is rsst-confirm-s102:3 with 80000"
    ):
        choose(results, Budget(max_macs=0.1))


def test_latency_is_measured_and_the_best_fast_enough_is_taken(results: RunResults) -> None:
    milliseconds = {0: 10.0, 1: 8.0, 2: 6.0, 3: 4.0}
    asked: list[str] = []

    def latency(candidate: object) -> float:
        asked.append(candidate.name)  # type: ignore[attr-defined]  # a Candidate
        return milliseconds[candidate.state.state]  # type: ignore[attr-defined]  # a Candidate

    assert choose(results, Budget(max_latency_ms=7.0), None, latency).state.state == 2
    assert len(asked) == 3
    with pytest.raises(UserError, match=r"the nearest is rsst-confirm-s102:3 at 4.000 ms"):
        choose(results, Budget(max_latency_ms=1.0), None, latency)


def test_a_state_whose_file_is_gone_is_not_chosen_within_a_budget(results: RunResults) -> None:
    for folder in (results.run / "trials").glob("rsst-*"):
        (folder / "states" / "03.safetensors").unlink()
    assert choose(results, Budget(max_macs=0.4)).name == "refill-000:3"


def test_a_state_can_be_named(results: RunResults) -> None:
    assert named_state(results, "refill-000:2").state.state == 2


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("refill", "expected TRIAL:STATE"),
        ("nobody:1", "has no trial 'nobody'"),
        ("refill-000:9", "states 0 to 3, found 9"),
    ],
)
def test_a_state_that_is_not_there_is_an_error(results: RunResults, name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        named_state(results, name)


def test_an_arm_that_is_not_there_is_an_error(results: RunResults) -> None:
    with pytest.raises(UserError, match=r"'rst' is no arm of .*; its arms are refill, rsst"):
        all_candidates(results, "rst")


def test_the_dense_control_is_not_the_best_small_network(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run", arms={"dense": {"prune.method": "dense"}, "rsst": {"prune.method": "rsst"}})
    made.add("dense", [0.99] * 4, removed=(0, 0, 0, 0))
    made.add("rsst", falling(0.9))
    assert choose(load_results(tmp_path / "run"), Budget()).name == "rsst-000:3"
