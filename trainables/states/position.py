"""Where a trial stands, and with its tensors all that it needs to go on from there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from torch import Tensor

from models.units.structure import Structure
from pruning.allocation import Drop
from trainables.states.begun_epoch import BegunEpoch
from trainables.training.optimizers import StateByName


@dataclass(frozen=True)
class Position:
    """State and epoch count what is finished: epoch e of state s means e epochs of s are done.

    At an epoch of 0 the state's own work (selection, rewinding, removal) is still to be done. `drop` is what this
    state's selection chose; `removal` what was measured around its removal.
    """

    state: int = 0
    epoch: int = 0
    epochs_total: int = 0
    training_macs: float = 0.0
    seconds: float = 0.0
    drop: dict[str, list[int]] = field(default_factory=dict)
    removal: dict[str, float] | None = None
    repair: dict[str, dict[str, float | None]] | None = None
    """What became of each layer that read what was removed, where it was repaired."""
    warnings: list[str] = field(default_factory=list)
    """Of this state, for its record."""
    micro_batches: int = 1
    """The most pieces that a batch of this state was cut into."""
    scaler: dict[str, float] = field(default_factory=dict)
    """The loss scaler's state, where float16 is used: its factor, and for how many steps that has held."""

    def chosen(self) -> Drop:
        return {name: tuple(units) for name, units in self.drop.items()}

    def with_drop(self, drop: Drop) -> Position:
        return replace(self, drop={name: list(units) for name, units in drop.items()})

    def with_warnings(self, warnings: Iterable[str]) -> Position:
        return replace(self, warnings=[*self.warnings, *warnings])

    def next_state(self) -> Position:
        cleared = Position(state=self.state + 1)
        kept = {name: getattr(self, name) for name in ("epochs_total", "training_macs", "seconds")}
        return replace(cleared, **kept)

    def to_json(self) -> dict[str, Any]:
        """Without what says nothing, so that a version that does not know of it reads the rest."""
        value = asdict(self)
        if self.micro_batches == 1:
            del value["micro_batches"]
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Position:
        return cls(**value)


@dataclass(frozen=True)
class Snapshot:
    """A procedure between two epochs, or within one that has begun. `optimizer` is empty between two states, `masks` where none
    are applied."""

    position: Position
    structure: Structure
    model: dict[str, Tensor]
    optimizer: StateByName
    masks: dict[str, Tensor]
    begun: BegunEpoch | None = None
