"""`prunetune log`: what a run's trackers lack, sent from its records."""

from __future__ import annotations

from pathlib import Path

import click

from models.errors import WORK_FAILED, UserError
from search.commands.common import Outcome, Subcommand, run_argument
from search.commands.tools import offered
from search.console import announce
from search.run.changing.free import check_free_to_change
from search.run.folder import RunFolder
from search.run.possible.trackers import check_trackers
from search.study.beside.logging_section import LoggingConfig
from search.study.load import load_study
from search.trackers.ledger import Ledger, destination
from search.trackers.process import told_to_trackers

SET_HELP = "change a key of `logging` for this once, such as logging.mlflow.tracking_uri=http://localhost:5000"


@click.command(
    "log",
    cls=Subcommand,
    example="prunetune log runs/quickstart --set logging.mlflow.tracking_uri=http://localhost:5000",
)
@run_argument
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", shell_complete=offered.logging_keys, help=SET_HELP)
def command(run: Path, sets: tuple[str, ...]) -> Outcome:
    """Send to MLflow, Weights & Biases or Comet what they lack of a run, as its records have it; no epoch is sent twice."""
    folder = RunFolder.existing(run)
    check_free_to_change(sets, "log", ("logging",))
    study = load_study(folder.study_file, sets, recorded=True)
    if not study.logging.trackers:
        raise UserError(
            f"{run}: its study names no tracker beside TensorBoard; name one, such as --set logging.mlflow=true "
            "(mlflow, wandb, comet)"
        )
    check_trackers(study)
    before = _ledgers(folder, study.logging)

    def waiting(name: str) -> None:
        announce(
            f"{name} has {_ledgers(folder, study.logging)[name].epochs} epochs up to now (Ctrl-C: the rest another time)"
        )

    try:
        with told_to_trackers(study.logging, folder, announce, waiting) as told:
            pass
    except KeyboardInterrupt:
        raise KeyboardInterrupt("what it has been sent is noted; the same command sends the rest") from None
    after = _ledgers(folder, study.logging)
    json = {
        one.name: {
            "complete": one.complete,
            "epochs_sent": after[one.name].sent - before[one.name].sent,
            "epochs": after[one.name].epochs,
        }
        for one in told
    }
    lines = [
        f"{name}: {facts['epochs_sent']} epochs sent, it has {facts['epochs']}"
        + ("" if facts["complete"] else ", and lacks some")
        for name, facts in json.items()
    ]
    done = all(one.complete for one in told)
    return Outcome({"run": str(folder.path), "trackers": json}, "\n".join(lines), 0 if done else WORK_FAILED)


def _ledgers(run: RunFolder, logging: LoggingConfig) -> dict[str, Ledger]:
    """What each has been told by now."""
    return {name: Ledger(run, name, destination(name, getattr(logging, name))) for name in logging.trackers}
