"""Which tracker is which."""

from __future__ import annotations

from importlib import import_module

from pydantic import BaseModel

from search.run.folder import RunFolder
from search.study.beside.logging_section import CometConfig, MlflowConfig, WandbConfig
from search.trackers.base import Place, Tracker
from search.trackers.ledger import logging_folder

SETTINGS: dict[str, type[BaseModel]] = {"mlflow": MlflowConfig, "wandb": WandbConfig, "comet": CometConfig}
CLASSES = {
    "mlflow": ("search.trackers.mlflow_tracker", "MlflowTracker"),
    "wandb": ("search.trackers.wandb_tracker", "WandbTracker"),
    "comet": ("search.trackers.comet_tracker", "CometTracker"),
}


def tracker_of(name: str, settings: BaseModel, run: RunFolder, study: str) -> Tracker:
    """The tracker of that name. Importing what it needs takes seconds."""
    module, of = CLASSES[name]
    tracker: Tracker = getattr(import_module(module), of)(settings, Place(study, logging_folder(run)))
    return tracker


def whole_run(run: RunFolder) -> RunFolder:
    """The run that the run of a `search.state0` is a part of; any other run itself."""
    above = RunFolder(run.path.parent)
    return above if above.study_file.exists() else run
