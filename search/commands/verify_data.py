"""What `init verify --data` is to look at, and what it says meanwhile."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from models.errors import UserError
from models.names import nearest, suggestion
from search.config_file import yaml_file
from search.console import announce
from search.study.load import is_pretraining, load_study
from search.tuning.pretraining.pretraining_file import load_pretraining
from trainables.config.trial import DataConfig

if TYPE_CHECKING:
    from trainables.verification.verification import Network

EVERY = 2.0
"""Seconds between two lines of progress."""


@dataclass(frozen=True)
class AskedData:
    """The images, and the network that a file names beside them."""

    data: DataConfig
    network: Network | None


def asked_data(text: str) -> AskedData:
    """A study file's first arm, a pretraining file, or a data set by name. UserError for what is none of them."""
    from trainables.data import KINDS
    from trainables.verification.verification import Network

    path = Path(text)
    if path.is_file():
        document = yaml_file.read(path)
        if isinstance(document.content, dict) and is_pretraining(document.content):
            asked = load_pretraining(path)
            return AskedData(asked.data, Network(asked.model.arch, asked.model.args, asked.model.patch_size))
        trial = next(iter(load_study(path).arms.values())).config()
        return AskedData(trial.data, Network(trial.model.arch, trial.model.args, trial.model.patch_size))
    if text not in KINDS:
        known = ", ".join(KINDS)
        raise UserError(
            f"--data {text}: neither a study or pretraining file nor one of {known}{suggestion(nearest(text, KINDS))}"
        )
    try:
        return AskedData(DataConfig.model_validate({"name": text}), None)
    except ValidationError as error:
        raise UserError(f"--data {text}: {error.errors()[0]['msg']}; give a study or pretraining file") from None


class Shown:
    """A line of progress, where two seconds have gone by since the last."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, part: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last >= EVERY:
            self._last = now
            announce(f"{part}: {done:,} of {total:,} images" if done else part)
