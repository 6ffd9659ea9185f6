"""Which tracker is which."""

from __future__ import annotations

import re
from contextlib import suppress
from pkgutil import resolve_name

from pydantic import BaseModel

from models.errors import UserError
from search.run.folder import RunFolder
from search.study.beside.logging_section import CometConfig, MlflowConfig, WandbConfig
from search.study.dense_recipe import DENSE_ARM
from search.study.load import load_study
from search.trackers.base import Place, Tracker
from search.trackers.ledger import logging_folder

SETTINGS: dict[str, type[BaseModel]] = {"mlflow": MlflowConfig, "wandb": WandbConfig, "comet": CometConfig}
CLASSES = {
    "mlflow": "search.trackers.mlflow_tracker:MlflowTracker",
    "wandb": "search.trackers.wandb_tracker:WandbTracker",
    "comet": "search.trackers.comet_tracker:CometTracker",
}

DENSE_RUN = rf"{DENSE_ARM}(\.r\d+)?"


def tracker_of(name: str, settings: BaseModel, run: RunFolder, study: str) -> Tracker:
    """The tracker of that name. Importing what it needs takes seconds."""
    tracker: Tracker = resolve_name(CLASSES[name])(settings, Place(study, logging_folder(run)))
    return tracker


def whole_run(run: RunFolder) -> RunFolder:
    """The run that the run of a `search.state0` is a part of; any other run itself."""
    above = RunFolder(run.path.parent)
    if re.fullmatch(DENSE_RUN, run.path.name) and above.study_file.exists():
        with suppress(UserError):  # a file of that name in a folder of runs need be no study
            return above if load_study(above.study_file, recorded=True).search.state0 is not None else run
    return run
