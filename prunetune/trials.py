"""One trial as Python is given it: what was asked, what became of it, and the networks of its states."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import UserError
from search.run.candidates import Candidate
from search.run.trials import RecordedTrial
from trainables.files.record import StateEnd
from trainables.files.remote.at_need import fetched

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class State:
    """The end of one state: the compact network after its last epoch. Its test accuracy is shown by `compare`, `report` and
    `export` alone: who chooses between states chooses by validation."""

    state: int
    """0 is the dense network, fine-tuned; each further state has less of it."""
    epochs: int
    """Epochs trained in all states up to this one's end."""
    val_accuracy: float
    """In 0..1."""
    val_loss: float
    params: int
    """Parameters left."""
    macs: int
    """Multiply-accumulates of one image."""
    removed_percent: float
    """Of the parameters that `prune.target` names, 0..100."""
    removed_of_all_percent: float | None
    """Of all parameters, 0..100; None in old records."""
    kept: dict[str, int]
    """Units left, by kind: head, neuron, channel."""
    training_macs: float
    """Multiply-accumulates spent on training up to here."""
    seconds: float
    """Training time up to here."""
    warnings: list[str]
    """What a reader of these figures has to know."""

    @classmethod
    def of(cls, end: StateEnd) -> State:
        """What is shown of a state's end."""
        return cls(**{one.name: getattr(end, one.name) for one in fields(cls)})


@dataclass(frozen=True)
class Trial:
    """One trial, as its files showed it when it was read."""

    recorded: RecordedTrial = field(repr=False)

    def __repr__(self) -> str:
        val = "" if self.val_accuracy is None else f", val_accuracy={self.val_accuracy:.4f}"
        return f"Trial({self.id!r}, {self.status}{val})"

    @property
    def id(self) -> str:
        """Such as `rsst-003` or `rsst-confirm-s101`; of `run_trial` its arm's name."""
        return self.recorded.id

    @property
    def arm(self) -> str:
        """The arm that it is of."""
        return self.recorded.identity.arm

    @property
    def phase(self) -> str:
        """`search`, `confirm`, or `trial` for one that stands alone."""
        return self.recorded.identity.phase

    @property
    def seed(self) -> int:
        """The seed of its training."""
        return self.recorded.identity.seed

    @property
    def status(self) -> str:
        """`pending`, `running`, `finished`, `stopped` (early), `diverged`, `failed` or `interrupted`."""
        return self.recorded.status

    @property
    def error(self) -> str | None:
        """Why it failed or diverged, in one line."""
        return self.recorded.record.error if self.recorded.record else None

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.recorded.folder

    @property
    def values(self) -> dict[str, Any]:
        """What was drawn for it: searched key → value."""
        return dict(self.recorded.values)

    @property
    def config(self) -> dict[str, Any]:
        """Its whole configuration, every default filled in."""
        return dict(self.recorded.config)

    @property
    def states(self) -> tuple[State, ...]:
        """The ends of its completed states, the dense one first."""
        return tuple(State.of(end) for end in self.recorded.states)

    @property
    def val_accuracy(self) -> float | None:
        """In 0..1, at the end of its last completed state; None before the first."""
        return self.recorded.val_accuracy

    def network(self, state: int = -1) -> nn.Module:
        """The network at the end of a state, by default the last completed one, on the CPU and in eval mode.

        UserError where there is no such state, or where its file was not kept (`retention.states`).
        """
        from models.save_load import load
        from search.export.export import named_arch, not_kept

        ends = self.recorded.states
        if not -len(ends) <= state < len(ends):
            there = f"it has the states 0 to {len(ends) - 1}" if ends else f"it has completed none yet ({self.status})"
            raise UserError(f"{self.id} has no state {state}: {there}")
        candidate = Candidate(self.recorded, ends[state])
        if candidate.file is None:
            raise UserError(not_kept(candidate))
        return load(fetched(candidate.file), own_code=named_arch(candidate))
