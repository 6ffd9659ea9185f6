"""`prunetune trial`: one trial of a study in this process."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import WORK_FAILED, UserError, WorkFailed
from models.names import nearest, suggestion
from models.units.structure import counted
from search.commands.common import (
    Outcome,
    Subcommand,
    Whole,
    check_writable,
    sharing_options,
    storage_option,
    study_parameters,
    take_over_option,
)
from search.commands.tools import offered
from search.console import announce, table_text
from search.evidence.formats import number, percent
from search.run.changing.begun import as_begun, former_defaults_lines
from search.run.files.everything import check_launch_files
from search.run.folder import RunFolder
from search.run.manifest import open_run
from search.run.possible.found_weights import found_lines, with_weights_of
from search.run.possible.scratch import with_structure
from search.run.possible.trackers import tracker_warnings
from search.run.preflight import check_arm
from search.run.results import with_found_recipes
from search.run.retention import apply_retention
from search.run.store import TrialStore
from search.run.trials import read_trial, removed_text
from search.run.warnings import warnings_of
from search.study.arm import Arm, at_its_line
from search.study.load import load_study
from search.study.study import Study
from search.trackers.process import told_to_trackers
from trainables.files.failure import Failure, is_of_the_disk, is_out_of_gpu_memory
from trainables.files.generation import Fence, Fenced, read_generation
from trainables.files.pace import Pace
from trainables.files.record import Identity, read_record
from trainables.files.remote.trial_mirror import TrialMirror
from trainables.files.request import TrialRequest, write_request
from trainables.full_memory import opened_where_there_is_room, pieces_to_go_on_with, pieces_to_open_with
from trainables.training.device_memory import release_memory

if TYPE_CHECKING:
    from trainables.trial import Trial

NOT_FOR_CHOOSING = (
    "choose between trials by validation; a trial chosen by its test accuracy is chosen on the test images, and what it "
    "reads on them is then no fair estimate any more"
)


@click.command(
    "trial",
    cls=Subcommand,
    example="prunetune trial configs/quickstart.yaml --arm rsst --name try --set trial.train.lr=0.001",
)
@study_parameters
@click.option(
    "--arm", metavar="ARM", shell_complete=offered.arms, help="which of the study's arms, where it has several"
)
@click.option("--seed", type=Whole(min=0), metavar="SEED", help="the trial's seed, in place of trial.seed")
@storage_option
@sharing_options
@take_over_option
def command(
    study: Path,
    name: str | None,
    sets: tuple[str, ...],
    arm: str | None,
    seed: int | None,
    storage: Path,
    take_over: bool,
    **sharing: Any,
) -> Outcome:
    """Run one trial of a study in this process, without Ray. The same command again goes on, or prints the finished result."""
    asked = load_study(study, sets, name=name).with_resources(**sharing)
    return run_trial(asked, chosen_arm(asked, arm), seed, storage, take_over=take_over)


def run_trial(study: Study, arm: Arm, seed: int | None, storage: Path, *, take_over: bool = False) -> Outcome:
    """Its id is its arm's name; it stands in the run's folder, but outside any search."""
    _say_what_is_not_searched(arm)
    check_writable(storage / study.name, "--storage")
    from trainables.stages.store import StageStore
    from trainables.trial import Trial

    run_folder = RunFolder((storage / study.name).resolve())
    run_folder.update()
    folder = run_folder.trial_folder(arm.name)
    check_no_sweep(run_folder, arm.name)
    check_launch_files(run_folder)
    read_generation(folder)
    trials = TrialStore(run_folder)
    study = with_weights_of(run_folder, as_begun(with_found_recipes(run_folder, study), trials), trials)
    _say_what_state0_is(study)
    for line in (*former_defaults_lines(study), *found_lines(study)):
        print(f"prunetune: {line}", file=sys.stderr)
    arm = study.arms[arm.name]
    config = arm.config(seed=seed)
    stages = run_folder.stages_folder(study.resources)
    pace = Pace(study.resources.checkpoint_seconds, study.resources.checkpoint_steps)
    store = None if stages is None else StageStore(stages, study.resources.stages_gigabytes, study.rewind_epochs)
    if read_record(folder) is None:
        check_arm(study, arm)
        tracker_warnings(study, begun=False)
    if not run_folder.manifest_file.exists():
        open_run(storage, study)
        run_folder.publish(run_folder.study_file.name)
    config = with_structure(arm.name, config, run_folder)
    # A lock and a generation of the trial's own: other arms of the run may be under way beside it.
    with (
        RunFolder(folder).driven(take_over=take_over) as generation,
        at_its_line(arm),
        told_to_trackers(study.logging, run_folder, announce),
    ):
        guard = Fence(folder, generation)
        identity = Identity(arm.name, arm.name, "trial", 0, config.seed)
        mirror = None if run_folder.mirror() is None else TrialMirror(folder, folder, generation)
        if mirror is not None:
            mirror.fetch()
        events = study.logging.tensorboard
        anew = partial(Trial.open, guard=guard, retry_failed=True, stages=store, pace=pace, events=events)
        opened = partial(anew, folder, identity, config)
        request = TrialRequest(identity, config.model_dump(mode="json"))
        states = len(config.epochs_of_states()) - 1
        trial, pieces, begun = None, 1, False
        while trial is None:
            trial = opened_where_there_is_room(partial(opened, micro_batches=pieces))
            if trial is not None and not begun:
                begun = True
                write_request(folder, request)
                for warning in trial.warnings:
                    print(f"prunetune: warning: {warning}", file=sys.stderr)
            if trial is None:
                pieces, told_of = pieces_to_open_with(folder, request, guard, config, pieces)
            elif _run_to_its_end(trial, arm.name, states, mirror):
                break
            else:
                (pieces, told_of), trial = pieces_to_go_on_with(trial), None
            print(f"{arm.name}: {told_of}", file=sys.stderr, flush=True)
            release_memory()
    apply_retention(study, TrialStore(run_folder))
    where = {"run": str(run_folder.path), "trial": arm.name, "warnings": warnings_of(read_trial(folder, "interrupted"))}
    result = {**trial.result(), **where}
    if result["test_accuracy"] is not None:
        print(f"prunetune: note: {NOT_FOR_CHOOSING}", file=sys.stderr)
    return Outcome(result, result_text(result, folder), 0 if result["status"] == "finished" else WORK_FAILED)


def check_no_sweep(run: RunFolder, trial_id: str) -> None:
    """UserError where the run is a sweep's, which a trial that no search proposed is no part of; one that is there goes on."""
    if not run.manifest_file.exists():
        return
    if read_record(run.trial_folder(trial_id)) is None:
        raise UserError(
            f"{run.address}: holds the run of a sweep, which a single trial is no part of; give the trial a run of its own, "
            f"such as by --name {run.path.name}-{trial_id}"
        )
    print(f"prunetune: {trial_id} stands in the run of a sweep, whose study.yaml stays as it is", file=sys.stderr)


def chosen_arm(study: Study, named: str | None) -> Arm:
    """The arm that was asked for, or the only one. UserError where that is not clear."""
    if named is None and len(study.arms) == 1:
        return next(iter(study.arms.values()))
    if named in study.arms:
        return study.arms[named]
    known = ", ".join(study.arms)
    if named is None:
        raise UserError(f"--arm: study {study.name} has several arms; choose one of {known}")
    raise UserError(f"--arm {named}: no arm of study {study.name} ({known}){suggestion(nearest(named, study.arms))}")


def _say_what_is_not_searched(arm: Arm) -> None:
    if arm.searched_keys:
        text = "one trial takes the trial section's own value, or the default, for what the study searches"
        print(f"prunetune: {text}: {', '.join(arm.searched_keys)} (--set KEY=VALUE gives another)", file=sys.stderr)


def _say_what_state0_is(study: Study) -> None:
    if study.search.state0 is not None and not study.dense_recipes:
        keys = ", ".join(study.dense_space.keys())
        text = "search.state0 has found no recipe in this run; state 0 takes the trial section's own, or the default"
        print(f"prunetune: {text}: {keys}", file=sys.stderr)


def _run_to_its_end(trial: Trial, arm: str, states: int, mirror: TrialMirror | None) -> bool:
    """Step by step, with a line for each epoch; False where the GPU's memory was full. KeyboardInterrupt says how to go on."""
    if trial.done:
        print(f"prunetune: {arm}: {trial.status} already; its result again", file=sys.stderr)
        return True
    line: dict[str, Any] = {}
    try:
        while not trial.done:
            line, waited = trial.step(), line.get("waiting", False)
            if not (waited and line.get("waiting")):
                print(_progress(arm, line, states), file=sys.stderr, flush=True)
            _send(mirror, arm, logs=trial.done or line.get("state_ended", False), insist=trial.done)
            for told in line["warnings"] if line.get("waiting") else ():
                print(f"{arm}: state {line['state']}/{states}: {told}", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        trial.close()
        _send(mirror, arm, logs=True, insist=False)
        raise KeyboardInterrupt("the same command goes on from the last checkpoint") from None
    except UserError:
        raise
    except Fenced as error:
        raise WorkFailed(f"{error}; this one has left it, and writes nothing more to it") from None
    except Exception as error:
        if is_out_of_gpu_memory(error):
            return False
        if not is_of_the_disk(error):
            trial.fail(Failure.by(error))
            _send(mirror, arm, logs=True, insist=True)
        raise
    return True


def _send(mirror: TrialMirror | None, arm: str, *, logs: bool, insist: bool) -> None:
    """To the bucket of a run that is in one."""
    for told in [] if mirror is None else mirror.push(logs=logs, insist=insist):
        print(f"{arm}: {told}", file=sys.stderr, flush=True)


def _progress(arm: str, line: dict[str, Any], states: int) -> str:
    if line["kind"] == "end":
        return f"{arm}: {line['status']}: {line.get('error', '')}"
    if "waiting" in line:
        return f"{arm}: state {line['state']}/{states} is being trained by another trial; it is taken over then"
    if line["kind"] == "within":
        done = f"{line['steps_done']} of {line['steps']} steps"
        return f"{arm}: state {line['state']}/{states} epoch {line['epoch']} checkpoint after {done}"
    text = (
        f"{arm}: state {line['state']}/{states} epoch {line['epoch']} {line['phase']:<7} "
        f"loss {line['train_loss']:.4f}  val {100 * line['val_accuracy']:.2f} %  "
        f"removed {removed_text(line['removed_percent'], line['removed_of_all_percent'])}  {line['seconds']:.1f} s"
    )
    kept = f"  kept {counted(line['kept'])}" if line.get("state_ended") else ""
    return text + kept + (f"  (taken over from {line['taken_from']})" if "taken_from" in line else "")


def result_text(result: dict[str, Any], folder: Path) -> str:
    """A table of the states' ends, as `prunetune trial` prints it."""
    rows = [
        [str(end["state"]), percent(end["val_accuracy"]), f"{end['removed_percent']:.1f}"]
        + [number(end["removed_of_all_percent"], "{:.1f}")]
        + [f"{end[cost]:,}" for cost in ("params", "macs")]
        for end in result["states"]
    ]
    table = table_text(["state", "validation", "removed %", "of all %", "parameters", "MACs"], rows)
    last = result["test_accuracy"]
    test = [] if last is None else [f"test accuracy of the last state: {percent(last)}"]
    warnings = [f"warning: {line}" for line in result["warnings"]]
    return "\n".join([f"{folder}: {result['status']}", table, *warnings, *test])
