"""A study lives on through kills, orphans, damaged files and a full disk; all by simulated trials, with no Ray."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from benchmarks.support.simulated_trial import SimulatedTrial
from benchmarks.support.simulation import Simulation, make_study
from models.errors import UserError
from search import cli
from search.commands.common import Subcommand
from search.config_file import yaml_file
from search.run.manifest import check_same_study, grown, write_launch
from search.run.results import load_results
from search.run.store import TrialStore
from search.study.load import load_study
from search.tuning.proposals.optuna_log import write_optuna_log
from trainables.files.generation import UNFENCED, Fence, Fenced

SEARCH = {"algorithm": "random", "trials_per_arm": 4, "confirm": {"seeds": [101]}}


def told(simulation: Simulation, arm: str) -> list[optuna.trial.FrozenTrial]:
    storage = JournalStorage(JournalFileBackend(str(simulation.run.optuna_log)))
    return optuna.load_study(study_name=f"{simulation.study.name}/{arm}", storage=storage).trials


@pytest.mark.parametrize("seed", [0, 1])
def test_after_any_number_of_kills_every_configuration_is_known_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    simulation = Simulation(make_study(tmp_path, search=SEARCH), tmp_path / "runs")
    for _ in range(8):
        simulation.go(chance.randint(0, 6))
        for record in simulation.run.trials_folder.glob("*/record.jsonl"):
            if chance.random() < 0.3 and b'"kind":"end"' not in record.read_bytes():
                record.open("ab").write(b'{"kind":"epo')
        finished = {trial.id: trial.record for trial in simulation.store if trial.ended}
        simulation.relaunch()
        assert {name: simulation.store.get(name).record for name in finished} == finished  # type: ignore[union-attr]  # just read
        write_optuna_log(simulation.study, simulation.store)
        for arm in simulation.study.arms:
            numbers = [trial.user_attrs["number"] for trial in told(simulation, arm)]
            assert numbers == sorted(set(numbers))
    simulation.go()
    write_optuna_log(simulation.study, simulation.store)
    assert {trial.state for arm in simulation.study.arms for trial in told(simulation, arm)} == {TrialState.COMPLETE}
    for trial in load_results(simulation.run.path).trials:
        assert trial.record is not None
        assert [line["epochs_total"] for line in trial.record.epochs] == [1, 2, 3, 4, 5]


def test_an_orphan_of_a_dead_driver_writes_nothing(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path), tmp_path / "runs")
    trial = simulation.queue.next()
    assert not isinstance(trial, str)
    with simulation.run.driven() as generation:
        orphan = SimulatedTrial(trial.folder, Fence(simulation.run.path, generation))
        orphan.step()
    with simulation.run.driven() as generation:
        before = (trial.folder / "record.jsonl").read_bytes()
        with pytest.raises(Fenced):
            orphan.step()
        assert (trial.folder / "record.jsonl").read_bytes() == before
        SimulatedTrial(trial.folder, Fence(simulation.run.path, generation)).step()


def test_a_trial_that_is_stopped_where_it_stands_stays_there_whatever_its_orphan_writes(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path), tmp_path / "runs")
    handed_out = simulation.queue.next()
    assert not isinstance(handed_out, str)
    with simulation.run.driven() as generation:
        orphan = SimulatedTrial(handed_out.folder, Fence(simulation.run.path, generation))
        assert orphan.step()["state_ended"]
    with simulation.run.driven() as generation:
        simulation.relaunch()
        simulation.store.guard = Fence(simulation.run.path, generation)
        orphan.guard = UNFENCED  # as one that has passed its guard
        orphan.step()
        simulation.store.stop(handed_out.id, "the rule")
        orphan.step()
    stopped = TrialStore(simulation.run).get(handed_out.id)
    assert stopped is not None
    assert stopped.record is not None
    assert (stopped.status, len(stopped.record.epochs), len(stopped.states)) == ("stopped", 1, 1)
    last = (orphan.folder / "record.jsonl").read_bytes().splitlines()[-1]
    assert last.endswith(b'"generation":1}'), "the orphan has written"


def test_a_run_whose_count_of_launches_is_gone_goes_on_counting_from_its_records(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path), tmp_path / "runs")
    trial = simulation.queue.next()
    assert not isinstance(trial, str)
    for _ in range(3):
        with simulation.run.driven() as generation:
            SimulatedTrial(trial.folder, Fence(simulation.run.path, generation)).step()
    (simulation.run.path / "generation").unlink()
    newest = TrialStore(simulation.run).newest_generation()
    assert newest == 3
    with simulation.run.held():
        generation = simulation.run.begin_launch(after=newest)
        SimulatedTrial(trial.folder, Fence(simulation.run.path, generation)).step()
    record = simulation.store.refresh(trial.id).record
    assert record is not None
    assert (generation, [line["epochs_total"] for line in record.epochs]) == (4, [1, 2, 3, 4])


def test_a_torn_journal_is_written_anew_from_the_records(tmp_path: Path) -> None:
    simulation = Simulation(make_study(tmp_path), tmp_path / "runs").go()
    write_optuna_log(simulation.study, simulation.store)
    whole = [(trial.number, trial.values, trial.params) for trial in told(simulation, "rsst")]
    simulation.run.optuna_log.write_bytes(simulation.run.optuna_log.read_bytes()[:-40])
    simulation.relaunch()
    write_optuna_log(simulation.study, simulation.store)
    assert [(trial.number, trial.values, trial.params) for trial in told(simulation, "rsst")] == whole


def begun(tmp_path: Path) -> Simulation:
    simulation = Simulation(make_study(tmp_path, search=SEARCH), tmp_path / "runs").go(3)
    write_launch(simulation.run, 1, {}, {}, ["test"], simulation.study)
    return simulation


def edit(simulation: Simulation, section: str, key: str, value: Any) -> None:
    content = yaml_file.read(simulation.run.study_file).content
    content.setdefault(section, {})[key] = value
    simulation.run.study_file.write_text(yaml_file.dump(content))


def test_a_run_whose_study_file_was_changed_says_what_changed(tmp_path: Path) -> None:
    simulation = begun(tmp_path)
    check_same_study(simulation.run, load_study(simulation.run.study_file))
    edit(simulation, "resources", "max_concurrent", 7)
    check_same_study(simulation.run, load_study(simulation.run.study_file))
    edit(simulation, "search", "seed", 99)
    with pytest.raises(UserError, match=r"study\.yaml: has changed .* search\.seed was 0, is now 99"):
        check_same_study(simulation.run, load_study(simulation.run.study_file))


def test_growing_is_no_change_but_editing_the_count_is(tmp_path: Path) -> None:
    simulation = begun(tmp_path)
    grown(simulation.run, simulation.study, 6)
    check_same_study(simulation.run, load_study(simulation.run.study_file))
    edit(simulation, "search", "trials_per_arm", 9)
    with pytest.raises(UserError, match="trials_per_arm was 6, is now 9"):
        check_same_study(simulation.run, load_study(simulation.run.study_file))


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        yield


def test_a_full_disk_stops_the_driver_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = Simulation(make_study(tmp_path, search=SEARCH), tmp_path / "runs").go(7)
    with full_disk(monkeypatch), pytest.raises(OSError, match="No space left"):
        simulation.go()
    store = TrialStore(simulation.run)
    assert all(trial.identity.id for trial in store)
    simulation.relaunch()
    simulation.go()
    assert set(simulation.statuses().values()) == {"finished"}
    assert load_results(simulation.run.path).complete


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def invoke(command: click.Command, context: click.Context) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/x/record.jsonl")

    monkeypatch.setattr(Subcommand, "invoke", invoke)
    assert cli.main(["sweep", "x.yaml"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("prunetune: error: no space left on the disk (runs/x/record.jsonl)")
    assert said.count("\n") == 1
