"""What a tracker is: something that is told of trials, epoch by epoch, and of how they ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.trackers.rows import Row
from trainables.tensorboard.tags import Scalar


@dataclass(frozen=True)
class Place:
    """Of one run: the study's name, and the folder for what a tracker writes on this machine."""

    study: str
    folder: Path


@dataclass(frozen=True)
class Introduction:
    """What is told of a trial once. `key` is its own among all trials of all runs, for as long as its run lives."""

    key: str
    id: str
    arm: str
    phase: str
    tags: dict[str, str]
    """Study, arm, phase, seed, method and the like."""
    parameters: dict[str, Any]
    """By dotted keys its searched values, and then the rest of its configuration."""
    began: float
    """Seconds since 1970."""


class TrackedTrial(ABC):
    """A trial that a tracker is being told of."""

    id: str
    """The tracker's own name of it, by which a later process goes on with the same."""
    known: int | None = None
    """How many epochs the tracker says that it has; None where it cannot say."""

    @abstractmethod
    def send(self, rows: Sequence[Row]) -> None:
        """Tell of further epochs, in order."""

    @abstractmethod
    def end(self, status: str, final: Sequence[Scalar], at: float) -> None:
        """Tell how and when (in seconds since 1970) it ended, and let go. Where nothing was raised, the tracker has all that
        was sent."""

    @abstractmethod
    def leave(self, at: float) -> None:
        """Let go of a trial that may go on later, and was last heard of then. Where nothing was raised, the tracker has all
        that was sent."""

    def forget(self) -> None:  # noqa: B027 (most have nothing of their own)
        """Let go after a failure: it is introduced again, and told what the tracker is not known to have."""


class Tracker(ABC):
    """One kind of tracker, for one run. Whatever it raises means that it cannot be reached now."""

    has_at_once: bool
    """Whether what was sent is there when `send` returns; otherwise when the trial is let go."""

    @abstractmethod
    def introduce(self, trial: Introduction, known: str | None) -> TrackedTrial:
        """Begin with a trial, or go on with the one that an earlier process knew by that id. A trial's id follows from its
        key where what was sent is not there at once."""


def text_of(value: Any) -> str:
    """A parameter as text."""
    return value if isinstance(value, str) else repr(list(value)) if isinstance(value, tuple) else str(value)
