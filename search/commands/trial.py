"""Run one trial of a study in this process, without Ray. The same command again goes on, or prints the finished result."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from models.errors import WORK_FAILED, UserError
from models.names import nearest, suggestion
from search.commands.common import Outcome, add_storage, add_study, study_of
from search.config_file import key_tree
from search.study.study import Study
from trainables.config.trial import TrialConfig
from trainables.files.record import Identity, read_record
from trainables.files.request import TrialRequest, write_request

if TYPE_CHECKING:
    from trainables.trial import Trial

EXAMPLE = "prunetune trial configs/quickstart.yaml --arm rsst --set trial.train.lr=0.001 --json"


def configure(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    parser.add_argument("--arm", help="which of the study's arms (needed where there are several)")
    parser.add_argument("--seed", type=int, help="the trial's seed, in place of trial.seed")
    add_storage(parser)


def run(args: argparse.Namespace) -> Outcome:
    study = study_of(args)
    arm = chosen_arm(study, args.arm)
    _say_what_is_not_searched(study, arm)
    from search.run.folder import RunFolder
    from search.run.manifest import open_run
    from search.run.preflight import at_its_line, check_arm
    from search.run.retention import apply_retention
    from search.run.store import TrialStore
    from trainables.files.generation import generation_guard
    from trainables.trial import Trial

    config = study.arms[arm].config(seed=_seed(args.seed))
    run_folder = RunFolder((args.storage / study.name).resolve())
    folder = run_folder.trial_folder(arm)
    if read_record(folder) is None:
        check_arm(study, study.arms[arm])
    open_run(args.storage, study)
    config = _with_structure(study, arm, config, run_folder)
    # A lock and a generation of the trial's own: other arms of the run may be under way beside it.
    with RunFolder(folder).driven() as generation, at_its_line(study.arms[arm]):
        guard = generation_guard(folder, generation)
        identity = trial_identity(arm, config)
        trial = Trial.open(folder, identity, config, guard=guard, retry_failed=True)
        write_request(folder, TrialRequest(identity, config.model_dump(mode="json")))
        for warning in trial.warnings:
            print(f"prunetune: warning: {warning}", file=sys.stderr)
        _run_to_its_end(trial, arm, config)
    apply_retention(study, TrialStore(run_folder))
    result = {**trial.result(), "run": str(run_folder.path), "trial": arm}
    return Outcome(result, result_text(result, folder), 0 if result["status"] == "finished" else WORK_FAILED)


def trial_identity(arm: str, config: TrialConfig) -> Identity:
    """A trial outside any search; its id is its arm's name."""
    return Identity(arm, arm, "trial", 0, config.seed)


def chosen_arm(study: Study, named: str | None) -> str:
    """The arm that was asked for, or the only one. UserError where that is not clear."""
    if named is None and len(study.arms) == 1:
        return next(iter(study.arms))
    if named in study.arms:
        return str(named)
    known = ", ".join(study.arms)
    if named is None:
        raise UserError(f"--arm: study {study.name} has several arms; choose one of {known}")
    raise UserError(f"--arm {named}: no arm of study {study.name} ({known}){suggestion(nearest(named, study.arms))}")


def _seed(seed: int | None) -> int | None:
    if seed is not None and seed < 0:
        raise UserError(f"--seed {seed}: a number from 0 up is expected")
    return seed


def _say_what_is_not_searched(study: Study, arm: str) -> None:
    keys = study.arms[arm].searched_keys
    if keys:
        text = "one trial takes the trial section's own value, or the default, for what the study searches"
        print(f"prunetune: {text}: {', '.join(keys)} (--set KEY=VALUE gives another)", file=sys.stderr)


def _with_structure(study: Study, arm: str, config: TrialConfig, run_folder: Any) -> TrialConfig:
    """For the `scratch` control: the state file of the named arm's trial in the same run."""
    scratch = config.prune.scratch
    if not config.prune.traits.from_scratch or scratch.file is not None:
        return config
    source = run_folder.trial_folder(str(scratch.arm))
    record = read_record(source)
    if record is None or record.status != "finished":
        raise UserError(
            f"--arm {arm}: takes the final structure of arm {scratch.arm}, which has no finished trial in {run_folder.path}; "
            f"run `prunetune trial` with --arm {scratch.arm} first, or set prune.scratch.file"
        )
    tree = config.model_dump(mode="json")
    file = str(source / str(record.states[-1].file))
    return TrialConfig.model_validate(key_tree.replaced(tree, "prune.scratch.file", file))


def _run_to_its_end(trial: Trial, arm: str, config: TrialConfig) -> None:
    """Step by step, with a line for each epoch. KeyboardInterrupt says how to go on."""
    if trial.done:
        print(f"prunetune: {arm}: {trial.status} already; its result again", file=sys.stderr)
        return
    epochs = 0
    try:
        with _terminated_like_interrupted():
            while not trial.done:
                line = trial.step()
                epochs = line.get("epochs_total", epochs)
                print(_progress(arm, line, config.states), file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        trial.close()
        raise KeyboardInterrupt("the same command goes on after the last epoch that was finished") from None
    except UserError:
        raise
    except Exception as error:
        from trainables.files.failure import describe

        trial.fail(describe(error))
        raise


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM leaves the trial as Ctrl-C does."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _progress(arm: str, line: dict[str, Any], states: int) -> str:
    if line["kind"] == "end":
        return f"{arm}: {line['status']}: {line.get('error', '')}"
    kept = ", ".join(f"{count} {kind}s" for kind, count in line["kept"].items())
    text = (
        f"{arm}: state {line['state']}/{states} epoch {line['epoch']} {line['phase']:<7} "
        f"loss {line['train_loss']:.4f}  val {100 * line['val_accuracy']:.2f} %  "
        f"removed {line['removed_percent']:.1f} %  {line['seconds']:.1f} s"
    )
    return f"{text}  kept {kept}" if line.get("state_ended") else text


def result_text(result: dict[str, Any], folder: Path) -> str:
    """A table of the states' ends, as `prunetune trial` prints it."""
    lines = [f"{folder}: {result['status']}", "state  validation  removed %  parameters          MACs"]
    for state in result["states"]:
        lines.append(
            f"{state['state']:>5}  {100 * state['val_accuracy']:>8.2f} %  {state['removed_percent']:>9.1f}  "
            f"{state['params']:>10,}  {state['macs']:>12,}"
        )
    if result["test_accuracy"] is not None:
        lines.append(f"test accuracy of the last state: {100 * result['test_accuracy']:.2f} %")
    return "\n".join(lines)
