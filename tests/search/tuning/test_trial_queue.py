"""Which trial runs next, over whole simulated studies: order, resuming, confirming, crashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulated_trial import SimulatedTrial
from benchmarks.support.simulation import BASE, Simulation, make_study
from search.run.manifest import grown
from search.run.results import load_results
from search.run.store import TrialStore
from search.run.trials import RecordedTrial
from search.tuning.losses.loss import Loss
from search.tuning.losses.same_failure import SAME_FAILURES
from search.tuning.trial_queue import TrialQueue
from trainables.files.request import TrialRequest

CONFIRM = {"algorithm": "random", "trials_per_arm": 3, "confirm": {"seeds": [101, 102]}}
CONFIGURATIONS = {"claim": "configurations"}


def configs(simulation: Simulation) -> dict[str, dict[str, Any]]:
    return {trial.id: trial.config for trial in simulation.store}


def test_arms_take_turns_and_get_exactly_their_budget(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path), tmp_path / "runs").go()
    assert simulation.order == [f"{arm}-{number:03d}" for number in range(6) for arm in ("refill", "rsst")]
    assert set(simulation.statuses().values()) == {"finished"}
    assert load_results(simulation.run.path).complete


def test_confirming_repeats_each_arms_best_on_fresh_seeds_after_the_search(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path, search=CONFIRM, compare=CONFIGURATIONS), tmp_path / "runs").go()
    confirming = [trial for trial in simulation.store if trial.identity.phase == "confirm"]
    assert simulation.order[6:] == [
        "refill-confirm-s101",
        "rsst-confirm-s101",
        "refill-confirm-s102",
        "rsst-confirm-s102",
    ]
    results = load_results(simulation.run.path)
    for trial in confirming:
        best = results.best_of_arm(trial.identity.arm)
        assert best is not None
        assert trial.source == best.id
        assert trial.config == {**best.config, "seed": trial.identity.seed}


def test_a_trial_that_never_began_is_handed_out_again_before_any_new_one(tmp_path: Path) -> None:
    queue = Simulation(make_study(tmp_path), tmp_path / "runs").queue
    first, second = queue.next(), queue.next()
    assert isinstance(first, RecordedTrial)
    assert isinstance(second, RecordedTrial)
    assert queue.withdraw(first.id).id == first.id
    assert queue.live == {second.id}
    again = queue.next()
    assert isinstance(again, RecordedTrial)
    assert (again.id, queue.notes) == (first.id, [])


def test_a_new_driver_goes_on_with_unfinished_trials_first_and_repeats_nothing(tmp_path: Path) -> None:
    whole = Simulation(make_study(tmp_path, search=CONFIRM, compare=CONFIGURATIONS), tmp_path / "whole").go()
    for epochs in (1, 7, 13, 30):
        study = make_study(tmp_path, search=CONFIRM, compare=CONFIGURATIONS)
        broken = Simulation(study, tmp_path / f"broken-{epochs}").go(epochs)
        unfinished = {trial_id for trial_id, status in broken.statuses().items() if status == "running"}
        broken.order.clear()
        broken.relaunch()
        broken.go()
        assert set(broken.order[: len(unfinished)]) == unfinished
        assert broken.statuses() == whole.statuses()
        assert configs(broken) == configs(whole)
        for trial in broken.store:
            assert trial.record is not None
            assert [line["epochs_total"] for line in trial.record.epochs] == list(range(1, 6))


def test_a_trial_asked_for_but_never_begun_keeps_its_configuration(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path), tmp_path / "runs")
    first = simulation.queue.next()
    again = TrialQueue(simulation.study, TrialStore(simulation.run)).next()
    assert not isinstance(first, str)
    assert again == first
    assert again.status == "pending"


def test_growing_a_finished_run_learns_from_it_and_confirms_a_better_best(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path, search=CONFIRM, compare=CONFIGURATIONS), tmp_path / "runs").go()
    before = configs(simulation)
    simulation.study = grown(simulation.run, simulation.study, 12)
    simulation.order.clear()
    simulation.relaunch()
    simulation.go()
    after = configs(simulation)
    assert {key: after[key] for key in before if "confirm" not in key} == {
        k: v for k, v in before.items() if "confirm" not in k
    }
    assert sum(trial.identity.phase == "search" for trial in simulation.store) == 24
    results = load_results(simulation.run.path)
    assert results.complete
    for trial in results.trials:
        if trial.identity.phase == "confirm":
            best = results.best_of_arm(trial.identity.arm)
            assert best is not None
            assert trial.source == best.id
    moved = list((simulation.run.path / "superseded").iterdir())
    assert {folder.name.split("--")[0] for folder in moved} <= set(before)
    assert moved, "twelve draws must have beaten three in at least one arm"


def test_a_failing_trial_does_not_end_the_study(tmp_path: Path) -> None:
    def outcome(request: TrialRequest, epochs: int) -> str | None:
        return f"no {request.identity.id}" if request.identity.number % 2 and epochs == 2 else None

    simulation = Simulation(make_study(tmp_path), tmp_path / "runs", outcome=outcome).go()
    statuses = simulation.statuses()
    assert simulation.queue.fatal is None
    assert sorted(statuses.values()) == ["failed"] * 6 + ["finished"] * 6
    failed = simulation.store.get("rsst-001")
    assert failed is not None
    assert failed.record is not None
    assert failed.record.error == "no rsst-001"


def test_the_same_failure_three_times_in_a_row_ends_the_study_and_retrying_mends_it(tmp_path: Path) -> None:
    simulation = Simulation(
        make_study(tmp_path), tmp_path / "runs", workers=1, outcome=lambda request, epochs: "disk full"
    ).go()
    assert simulation.queue.fatal == "disk full"
    assert list(simulation.statuses().values()) == ["failed"] * SAME_FAILURES
    simulation.outcome = lambda request, epochs: None
    simulation.retry_failed = True
    simulation.relaunch()
    # A failed trial's end stands in its record until the trial itself, going on, cuts it off.
    for trial in simulation.store:
        record = trial.folder / "record.jsonl"
        record.write_bytes(
            b"".join(line for line in record.read_bytes().splitlines(True) if b'"kind":"end"' not in line)
        )
    simulation.go()
    assert set(simulation.statuses().values()) == {"finished"}


def test_a_success_between_failures_breaks_the_row(tmp_path: Path) -> None:
    def outcome(request: TrialRequest, epochs: int) -> str | None:
        return "the same" if request.identity.number % 3 else None

    simulation = Simulation(make_study(tmp_path, arms={"refill": {}}, space={"train.lr": BASE["space"]["train.lr"]}),
                            tmp_path / "runs", workers=1, outcome=outcome).go()  # fmt: skip
    assert simulation.queue.fatal is None
    assert len(simulation.order) == 6


DIED = Loss("process", "its process died", "Ray's own words")


def test_a_trial_whose_process_keeps_dying_fails_after_three_tries(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path), tmp_path / "runs", workers=1)
    seen = []
    for _ in range(3):
        trial = simulation.queue.next()
        assert not isinstance(trial, str)
        seen.append(trial.id)
        SimulatedTrial(trial.folder).step() if len(seen) == 1 else None
        last = simulation.queue.give_back(trial.id, DIED)
    assert seen == ["refill-000"] * 3
    assert last.status == "failed"
    assert last.record is not None
    assert last.record.end == {
        "kind": "end", "status": "failed", "error": "its process died 3 times (out of memory?)", "failure": "process",
    }  # fmt: skip
    assert (last.folder / "error.txt").read_text().count("Ray's own words") == 3
    assert (
        simulation.queue.notes
        == [
            "refill-000: its process died, after epoch 1; it goes on from its last checkpoint; see trials/refill-000/error.txt"
        ]
        * 2
    )
    following = simulation.queue.next()
    assert not isinstance(following, str)
    assert following.id == "rsst-000"


def test_an_arm_with_nothing_to_search_runs_one_configuration(tmp_path: Path) -> None:
    study = make_study(
        tmp_path,
        arms={"refill": {"prune.method": "refill"}, "dense": {"prune.method": "dense"}},
        space={"train.lr": {"log_uniform": [1e-4, 1e-2], "arms": ["refill"]}},
    )
    simulation = Simulation(study, tmp_path / "runs").go()
    assert sum(name.startswith("dense") for name in simulation.order) == 1
    assert load_results(simulation.run.path).complete


def test_scratch_waits_for_its_arm_and_takes_its_best_structure(tmp_path: Path) -> None:
    study = make_study(
        tmp_path,
        arms={
            "scratch": {"prune.method": "scratch", "prune.scratch.arm": "refill"},
            "refill": {"prune.method": "refill"},
        },
        space={"train.lr": {"log_uniform": [1e-4, 1e-2], "arms": ["refill"]}},
        search={"trials_per_arm": 3, "confirm": {"seeds": [7]}},
    )
    simulation = Simulation(study, tmp_path / "runs").go()
    assert simulation.order[:4] == ["refill-000", "refill-001", "refill-002", "scratch-000"]
    best = load_results(simulation.run.path).best_of_arm("refill")
    assert best is not None
    assert configs(simulation)["scratch-000"]["prune"]["scratch"]["file"] == str(best.folder / "states/04.safetensors")
    assert {"scratch-confirm-s7", "refill-confirm-s7"} <= set(simulation.order)


def test_several_seeds_of_a_configuration_share_its_values(tmp_path: Path) -> None:
    study = make_study(tmp_path, search={"algorithm": "tpe", "trials_per_arm": 3, "seeds": [1, 2]})
    simulation = Simulation(study, tmp_path / "runs").go()
    assert simulation.order[:4] == ["refill-000-s1", "refill-000-s2", "rsst-000-s1", "rsst-000-s2"]
    one, two = simulation.store.get("rsst-001-s1"), simulation.store.get("rsst-001-s2")
    assert one is not None
    assert two is not None
    assert one.values == two.values
    assert (one.config["seed"], two.config["seed"]) == (1, 2)
    assert len(simulation.order) == 12


@pytest.mark.parametrize("algorithm", ["random", "qmc"])
def test_shared_pairing_gives_every_arm_the_same_common_values(tmp_path: Path, algorithm: str) -> None:
    study = make_study(tmp_path, search={"algorithm": algorithm, "trials_per_arm": 4, "pairing": "shared"})
    simulation = Simulation(study, tmp_path / "runs").go()
    rates = {trial.id: trial.config["train"]["lr"] for trial in simulation.store}
    assert all(rates[f"refill-{number:03d}"] == rates[f"rsst-{number:03d}"] for number in range(4))
    assert len(set(rates.values())) == 4
    shrinks = [trial.config["prune"]["rsst"]["shrink"] for trial in simulation.store if trial.identity.arm == "rsst"]
    assert len(set(shrinks)) == 4


def test_enqueued_configurations_come_first(tmp_path: Path) -> None:
    search = {"trials_per_arm": 3, "enqueue": [{"train.lr": 0.05}, {"train.lr": 0.002, "arms": ["rsst"]}]}
    simulation = Simulation(make_study(tmp_path, search=search), tmp_path / "runs").go()
    found = configs(simulation)
    assert found["refill-000"]["train"]["lr"] == found["rsst-000"]["train"]["lr"] == 0.05
    assert found["rsst-001"]["train"]["lr"] == 0.002
    assert found["refill-001"]["train"]["lr"] != 0.002


@pytest.mark.parametrize("workers", [1, 2])
def test_a_control_whose_source_chose_nothing_is_settled_wholly(tmp_path: Path, workers: int) -> None:
    arms = {"refill": {"prune.method": "refill"}, "scratch": {"prune.method": "scratch", "prune.scratch.arm": "refill"}}
    study = make_study(tmp_path, arms=arms, space={"train.lr": BASE["space"]["train.lr"]}, search={"trials_per_arm": 4})
    simulation = Simulation(study, tmp_path / "runs", workers, outcome=lambda request, epochs: "diverged").go()
    assert sorted(trial.status for trial in simulation.store) == ["diverged"] * 4 + ["failed"] * 4
