"""A run's trials are read without their structures; whoever wants these, or the commands' JSON, finds what was there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.support.machine import kept
from benchmarks.support.recorded_runs import recorded_run
from benchmarks.support.simulation import make_study
from benchmarks.support.structured_trial import SECTIONS, StructuredTrial
from search import cli
from search.report.plots.structure import kept_structures
from search.run import trials as reading
from search.run.manifest import open_run
from search.run.results import load_results
from search.run.store import TrialStore
from search.run.trials import RecordedTrial
from search.tuning.trial_queue import TrialQueue
from tests.search.made_runs import two_arm_run
from trainables.files.record import RecordWriter, TrialRecord, read_record
from trainables.files.unread import UnreadStructure

DRIVER_BYTES = 150_000
"""What a trial may keep of the driver's memory."""


def whole(folder: Path, known: TrialRecord | None) -> TrialRecord | None:
    """The record with everything in memory."""
    return read_record(folder)


@pytest.mark.parametrize("command", ["status", "compare", "pareto"])
@pytest.mark.parametrize("structured", [False, True])
def test_every_byte_of_a_command_is_as_with_whole_records(
    command: str, structured: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recorded_run(tmp_path / "of", 2, 1, "random", structured=True)[1].path if structured else None
    arguments = [command, str(path or two_arm_run(tmp_path / "run", seeds=2).path), "--json"]
    assert cli.main(arguments) == 0
    found = capsys.readouterr().out
    monkeypatch.setattr(reading, "_read_record", whole)
    assert cli.main(arguments) == 0
    assert found == capsys.readouterr().out != ""


def test_the_plot_of_layers_is_as_with_whole_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = two_arm_run(tmp_path / "run", seeds=2)
    unread = load_results(made.path)
    assert all(isinstance(end.structure, UnreadStructure) for trial in unread.trials for end in trial.states)
    (found,) = kept_structures(unread, "rsst", 0)
    monkeypatch.setattr(reading, "_read_record", whole)
    (expected,) = kept_structures(load_results(made.path), "rsst", 0)
    assert found.alternative == expected.alternative != ""


def test_a_driver_keeps_little_of_a_large_network_and_reads_only_what_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make_study(tmp_path, search={"algorithm": "random", "trials_per_arm": 2}, **SECTIONS)
    queue = TrialQueue(study, TrialStore(open_run(tmp_path / "runs", study)))
    handed_out = queue.next()
    assert isinstance(handed_out, RecordedTrial)
    trial, read = StructuredTrial(handed_out.folder), []
    whole_lines = reading.read_on

    def counted(path: Path, read_to: object) -> object:
        grown = whole_lines(path, read_to)  # type: ignore[arg-type]  # handed through
        read.append(len(grown.lines))
        return grown

    monkeypatch.setattr(reading, "read_on", counted)
    while not trial.done:
        if trial.step().get("state_ended"):
            queue.judge(handed_out.id)
    assert read == [1 + 5, *[5] * 14, 5 + 1], "four epochs and a state's end each; header and end once"
    recorded = queue.give_back(handed_out.id)
    assert recorded.values == handed_out.values
    assert recorded.status == "finished"
    (known,) = (one for one in load_results(queue.store.run.path).trials if one.id == handed_out.id)
    assert known == recorded
    assert kept_bytes(queue.store.run.path) < DRIVER_BYTES < handed_out.folder.joinpath("record.jsonl").stat().st_size


def kept_bytes(run: Path) -> int:
    results, size = kept(lambda: load_results(run))
    assert results.trials
    return size


def test_a_trial_that_goes_on_from_an_earlier_checkpoint_is_read_anew(tmp_path: Path) -> None:
    study = make_study(tmp_path, search={"algorithm": "random", "trials_per_arm": 1})
    store = TrialStore(open_run(tmp_path / "runs", study))
    handed_out = TrialQueue(study, store).next()
    assert isinstance(handed_out, RecordedTrial)
    trial = StructuredTrial(handed_out.folder)
    trial.step()
    trial.step()
    assert len(store.refresh(handed_out.id).states) == 2
    RecordWriter(handed_out.folder).go_on(1, 0, 4)
    assert len(store.refresh(handed_out.id).states) == 1
    trial = StructuredTrial(handed_out.folder)
    while not trial.done:
        trial.step()
    found = store.refresh(handed_out.id)
    assert (len(found.states), found.status, found.record) == (
        5,
        "finished",
        load_results(store.run.path).trials[0].record,
    )


def test_training_done_counts_what_was_taken_over(tmp_path: Path) -> None:
    made = two_arm_run(tmp_path / "run", seeds=1)
    folder = made.add("rsst", [0.9], seed=200, confirm=True, status=None)
    line: Mapping[str, object] = {"kind": "epoch", "state": 0, "epoch": 1, "epochs_total": 1}
    RecordWriter(folder).append(line, {**line, "epoch": 2, "taken_from": "run/other"})
    done = load_results(made.path).training
    assert (done.epochs, done.epochs_taken_over) == (1, 1)
