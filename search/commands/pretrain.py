"""`prunetune pretrain`: initial weights of our own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from models.errors import INTERRUPTED, WORK_FAILED, UserError
from search.commands.common import ADDRESS_HELP, PATH, Outcome, Subcommand, Whole, check_writable
from search.console import announce
from search.evidence.formats import counted, duration, number
from search.tuning.pretraining.pretraining_file import load_pretraining
from trainables.config.pretrain import PretrainConfig

if TYPE_CHECKING:
    from trainables.pretraining.ending import PretrainResult

WORKERS_HELP = (
    "train in N processes that Ray Train starts, here or on the cluster of --address; the batch size is their total"
)
MEASURE_HELP = (
    "only say how many images a second the loader, the training and both do, and what holds the training back"
)
MEASURED_SECONDS = 10.0
LINGERS = 5.0
"""Seconds that a process without a word stays while another one says why both end."""
SET_HELP = "replace any value of the file, such as train.lr=0.001 (may be repeated)"


@click.command("pretrain", cls=Subcommand, example="prunetune pretrain configs/pretrain_vit_micro.yaml")
@click.argument("path", type=PATH, metavar="CONFIG", help="a pretraining file, such as configs/pretrain_vit_micro.yaml")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--storage", type=PATH, default=Path("runs"), metavar="DIR", help="folder to work in (default: runs)")
@click.option("--workers", type=Whole(min=1), metavar="N", help=WORKERS_HELP)
@click.option("--measure", "measures", is_flag=True, help=MEASURE_HELP)
@click.option("--address", metavar="ADDRESS", help=f"with --workers: {ADDRESS_HELP}")
def command(
    path: Path, sets: tuple[str, ...], storage: Path, workers: int | None, address: str | None, measures: bool
) -> Outcome:
    """Train a dense network from random weights and write a weights file with its provenance, to start trials from.

    The same command goes on where it was left. `torchrun --nproc_per_node=N -m prunetune pretrain CONFIG` does it in N
    processes of this machine, `--workers N` in N that Ray Train starts.
    """
    if address is not None and workers is None:
        raise click.UsageError("--address is of a Ray cluster, whose processes --workers counts; give --workers too")
    if measures and workers is not None:
        raise click.UsageError("--measure is of this process, or of those that torchrun starts; leave --workers out")
    with _one_of_a_machine_speaks():
        config = load_pretraining(path, sets)
        folder = storage / f"pretrain-{config.name}"
        if not measures:
            check_writable(folder, "--storage")
            check_writable(config.output.parent, "`output` in the file")
    _announce(config, workers, measures)
    if measures:
        return _measured(config)
    if workers is None:
        return outcome(_in_this_process(config, folder))
    return outcome(_through_ray(config, folder, workers, address))


def _announce(config: PretrainConfig, workers: int | None, measures: bool) -> None:
    """The first seconds go into loading torch, Ray and the data."""
    if not _is_first():
        return
    if measures:
        announce(f"{config.name}: loading, then measuring for about {4 * MEASURED_SECONDS:.0f} s")
    elif workers is not None:
        announce(f"{config.name}: starting Ray, and {counted(workers, 'process')}")
    else:
        announce(f"{config.name}: loading the data and the network")


@contextmanager
def _one_of_a_machine_speaks() -> Iterator[None]:
    """Of the processes that torchrun has started, which have not met yet and read the same file. Another machine may have
    another one."""
    try:
        yield
    except UserError as error:
        if os.environ.get("LOCAL_RANK", "0") == "0":
            raise
        _let_another_speak(error.exit_status)
        raise click.exceptions.Exit(error.exit_status) from None


def _is_first() -> bool:
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def _first_speaks() -> Iterator[None]:
    """Of those that have met: the others end without a word where another one says why."""
    from trainables.pretraining.processes import EndedElsewhere

    try:
        yield
    except (KeyboardInterrupt, EndedElsewhere) as ended:
        if _is_first():
            raise
        status = WORK_FAILED if isinstance(ended, EndedElsewhere) else INTERRUPTED
        _let_another_speak(status)
        raise click.exceptions.Exit(status) from None


def _let_another_speak(status: int) -> None:
    """torchrun ends all as soon as one has ended, also the one that is about to say why."""
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(status))
    time.sleep(LINGERS)


def _in_this_process(config: PretrainConfig, folder: Path) -> PretrainResult:
    """Alone, or as one of those that torchrun has started."""
    from search.tuning.pretraining.progress import PretrainingProgress
    from search.tuning.pretraining.stopping import asked_by_signals
    from trainables.pretraining.listener import Listener
    from trainables.pretraining.run import pretrain

    is_first, are_several = _is_first(), os.environ.get("WORLD_SIZE", "1") != "1"
    with asked_by_signals(once=are_several, silent=not is_first) as leaves, _first_speaks():
        if is_first:
            with PretrainingProgress() as progress:
                result = pretrain(config, folder, progress.listener(leaves=leaves))
        else:
            result = pretrain(config, folder, Listener(leaves=leaves))
    if result is None:
        raise click.exceptions.Exit(0)
    return result


def _measured(config: PretrainConfig) -> Outcome:
    from trainables.pretraining.measure import measure

    with _first_speaks():
        speeds = measure(config, MEASURED_SECONDS)
    if speeds is None:
        raise click.exceptions.Exit(0)
    epoch = speeds.epoch_seconds()
    whole = config.epochs * epoch
    held = (
        f"the loader holds training back: raise data.workers (now {config.data.workers}), or store smaller images"
        if speeds.loader_holds_back
        else "the training itself takes the time; the loader keeps up"
    )
    text = (
        f"images a second in {counted(speeds.processes, 'process')}: the loader alone {speeds.loader:,.0f}, training alone "
        f"{speeds.training:,.0f}, both {speeds.together:,.0f}, evaluation {speeds.evaluation:,.0f}\n{held}\n"
        f"an epoch of {speeds.images:,} images: {duration(epoch)}; {counted(config.epochs, 'epoch')}: {duration(whole)}, "
        "without evaluation"
    )
    json = {**asdict(speeds), "loader_holds_back": speeds.loader_holds_back, "days": whole / 86_400}
    return Outcome(json=json, text=text)


def _through_ray(config: PretrainConfig, folder: Path, workers: int, address: str | None) -> PretrainResult:
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise click.UsageError(
            "--workers has Ray start the processes, and torchrun has started some; use one of the two"
        )
    from search.tuning.pretraining.progress import PretrainingProgress
    from search.tuning.pretraining.stopping import asked_by_signals
    from search.tuning.pretraining.through_ray import pretrain_through_ray

    with asked_by_signals(once=False, silent=False) as leaves, PretrainingProgress() as progress:
        return pretrain_through_ray(config, folder, workers, address, progress.listener(leaves=leaves))


def outcome(result: PretrainResult) -> Outcome:
    """What is printed of a finished pretraining."""
    json = {
        "file": str(result.path),
        "sha256": result.sha256,
        "epochs": len(result.history),
        "val_accuracy": result.val_accuracy,
        "test_accuracy": result.test_accuracy,
    }
    text = (
        f"{result.path}: {counted(len(result.history), 'epoch')}, validation accuracy {result.val_accuracy:.4f}, "
        f"test accuracy {number(result.test_accuracy, '{:.4f}')}, sha256 {result.sha256[:12]}…"
    )
    return Outcome(json=json, text=text)
