"""What a tracker has been told of a run: `logging/NAME.json` in its folder, so that nothing is told twice, or forgotten."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import BaseModel

from models import atomic
from search.run.folder import RunFolder
from search.run.trials import RecordedTrial
from search.study.beside.logging_section import without_login
from trainables.files.remote.address import url_of

LOGGING_FOLDER = "logging"
DECIDING = {
    "mlflow": {"MLFLOW_TRACKING_URI": "tracking_uri"},
    "wandb": {"WANDB_BASE_URL": "WANDB_BASE_URL", "WANDB_ENTITY": "entity", "WANDB_MODE": "mode"},
    "comet": {
        "COMET_OFFLINE": "COMET_OFFLINE",
        "COMET_URL_OVERRIDE": "COMET_URL_OVERRIDE",
        "COMET_WORKSPACE": "workspace",
    },
}
"""Environment variables that decide where a tracker's trials go, where the study does not: the setting that each stands for,
or itself."""


@dataclass(frozen=True)
class Entry:
    """Of one trial: the tracker's own id of it, how many epochs it surely has, and the status that it was told last."""

    id: str
    epochs: int = 0
    status: str = ""
    found: int = 0
    """How many of the epochs the tracker had already, when it was asked."""


class Ledger:
    """Of one run and one tracker, at one destination. A damaged file is as none: trackers that can be asked say what they
    have."""

    def __init__(self, run: RunFolder, tracker: str, destination: str) -> None:
        self.path, self._destination = logging_folder(run) / f"{tracker}.json", destination
        # A run in a bucket has the same key on every machine.
        self.key = url_of(run.path) or uuid.uuid4().hex
        self._all: dict[str, dict[str, Entry]] = {}
        with suppress(FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
            content = json.loads(self.path.read_bytes())
            found: dict[str, dict[str, Entry]] = {}
            for to, trials in content["told"].items():
                # An earlier version had the same place under several names.
                there = found.setdefault(_named_now(to, tracker), {})
                there |= {name: Entry(**entry) for name, entry in trials.items()}
            self.key, self._all = str(content["key"]), found
        self.trials = self._all.setdefault(destination, {})

    @property
    def epochs(self) -> int:
        """That it surely has, of all trials."""
        return sum(entry.epochs for entry in self.trials.values())

    @property
    def sent(self) -> int:
        """Of these, how many were sent by us."""
        return sum(entry.epochs - entry.found for entry in self.trials.values())

    def note(self, name: str, entry: Entry) -> None:
        """Write it down. The first time, the run's key as well."""
        if self.trials.get(name) == entry:
            return
        self.trials[name] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        told = {to: {one: asdict(entry) for one, entry in trials.items()} for to, trials in self._all.items()}
        atomic.write_json(self.path, {"key": self.key, "told": told})


def destination(name: str, settings: BaseModel) -> str:
    """Where a tracker's trials go, by the study and the environment: what another one was told is not known there."""
    given = {key: str(value) for key, value in settings.model_dump(exclude_none=True).items()}
    given |= {variable: os.environ[variable] for variable in DECIDING[name] if os.environ.get(variable)}
    return _place(given, name)


def _place(given: Mapping[str, str], tracker: str) -> str:
    """One text for one place, whether a setting or the environment names it; no password stands in it."""
    named = {key: value for key, value in given.items() if key not in DECIDING[tracker]}
    from_outside = {own: given[variable] for variable, own in DECIDING[tracker].items() if variable in given}
    whole = sorted({**from_outside, **named}.items())
    return ", ".join(f"{key} {without_login(value)}".rstrip("/") for key, value in whole) or "default"


def _named_now(place: str, tracker: str) -> str:
    pairs = [part.partition(" ") for part in place.split(", ")]
    return _place({key: value for key, _, value in pairs}, tracker) if all(value for _, _, value in pairs) else place


def logging_folder(run: RunFolder) -> Path:
    """What trackers keep of a run on this machine; it is not sent to a bucket."""
    return run.path / LOGGING_FOLDER


def name_in_ledger(trial: RecordedTrial) -> str:
    """A trial that takes another's place under the same id, as in confirming another choice, is another one."""
    return trial.id if trial.source is None else f"{trial.id} of {trial.source}"
