"""The `logging` section: where a study's trials are shown beside their records."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import model_validator

from models.names import nearest, suggestion
from models.section import Section, described

TRACKERS = {"mlflow": ("mlflow", "MLflow"), "wandb": ("wandb", "Weights & Biases"), "comet": ("comet_ml", "Comet")}
"""Trackers beside TensorBoard: the module that each needs, and what it is called. An extra of each one's name installs it."""
NAMES = ("tensorboard", *TRACKERS)
LOGIN = re.compile(r"(?<=://)[^/@\s]*@")
SWITCH = described("true, a section, or null")


class MlflowConfig(Section):
    """MLflow: one experiment for the study, one run for each trial, with arm, phase and seed as tags."""

    tracking_uri: str | None = None
    """The server, such as `http://localhost:5000`; default: `MLFLOW_TRACKING_URI`, else `logging/mlflow.db` in the run's
    folder."""
    experiment: str | None = None
    """Default: the study's name."""

    @property
    def server(self) -> str | None:
        """What is named here or by the environment; None for the file in the run's folder."""
        return self.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")


class WandbConfig(Section):
    """Weights & Biases: one project for the study, one run for each trial, grouped by arm, with the phase as job type."""

    project: str | None = None
    """Default: the study's name."""
    entity: str | None = None
    """User or team; default: that of the login."""
    mode: Literal["online", "offline"] | None = None
    """`offline` writes into `logging/wandb/` in the run's folder, for `wandb sync`; default: `WANDB_MODE`, else `online`."""


class CometConfig(Section):
    """Comet: one project for the study, one experiment for each trial, with arm, phase and seed as tags."""

    project: str | None = None
    """Default: the study's name."""
    workspace: str | None = None
    """Default: that of the login."""
    mode: Literal["online", "offline"] | None = None
    """`offline` writes archives into `logging/comet/` in the run's folder, for `comet upload`; default: `COMET_OFFLINE`,
    else `online`."""

    @property
    def is_offline(self) -> bool:
        """Here or by the environment."""
        if self.mode is not None:
            return self.mode == "offline"
        return os.environ.get("COMET_OFFLINE", "").lower() in ("1", "true", "yes")


class LoggingConfig(Section):
    """Trackers that show the trials as they run: a list of their names, `[tensorboard, mlflow]`, or a section with settings,
    `{mlflow: {tracking_uri: "http://localhost:5000"}}`. None of them is ever shown a test accuracy, and none can hold a trial
    up."""

    tensorboard: bool = True
    """Event files in each trial's folder. A list without the name writes none."""
    mlflow: Annotated[MlflowConfig | None, SWITCH] = None
    """True, or settings; null: not to MLflow."""
    wandb: Annotated[WandbConfig | None, SWITCH] = None
    """True, or settings; null: not to Weights & Biases."""
    comet: Annotated[CometConfig | None, SWITCH] = None
    """True, or settings; null: not to Comet."""

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        return as_section(value)

    @property
    def trackers(self) -> tuple[str, ...]:
        """Those beside TensorBoard that the study names."""
        return tuple(name for name in TRACKERS if getattr(self, name) is not None)


def as_section(value: Any) -> Any:
    """A list of names, or one, as the section that it stands for; what else there is stays, for validation to judge.

    ValueError for a name that is none.
    """
    if isinstance(value, str):
        value = [value]
    if isinstance(value, Sequence):
        value = _of_list(value)
    if not isinstance(value, Mapping):
        return value
    switched: dict[bool, Any] = {True: {}, False: None}
    return {key: switched[one] if key in TRACKERS and isinstance(one, bool) else one for key, one in value.items()}


def _of_list(names: Sequence[Any]) -> dict[str, Any]:
    """The section that a list stands for; an entry is a name, or a name with settings."""
    found: dict[str, Any] = {"tensorboard": False}
    for entry in names:
        one = {entry: True} if isinstance(entry, str) else entry
        if not isinstance(one, Mapping):
            raise ValueError(f"names of {', '.join(NAMES)} are expected, found {entry!r:.60}")
        for name, settings in one.items():
            if name not in NAMES:
                raise ValueError(f"{name!r} is none of {', '.join(NAMES)}{suggestion(nearest(str(name), NAMES))}")
            found[name] = settings
    return found


def without_login(text: str) -> str:
    """A text in which no URL names a user or a password any more."""
    return LOGIN.sub("", text)
