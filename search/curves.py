"""One trial along its states, read off at equal removal or equal MACs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trainables.record import StateEnd

Axis = Literal["removed_percent", "macs", "training_macs"]
Quantity = Literal["val_accuracy", "test_accuracy", "training_macs", "seconds", "removed_percent", "macs"]


@dataclass(frozen=True)
class Level:
    """A place on an axis: `value` is a removed percentage (0..100), a share of dense MACs (0..1), or training MACs."""

    axis: Axis
    value: float

    @property
    def text(self) -> str:
        if self.axis == "removed_percent":
            return f"{self.value:.4g} % removed"
        if self.axis == "macs":
            return f"{100 * self.value:.4g} % of dense MACs"
        return f"{self.value:.3g} training MACs"

    def to_json(self) -> dict[str, float | str]:
        return {"axis": self.axis, "value": self.value}


@dataclass(frozen=True)
class Curve:
    """Points with `x` rising strictly; of states at one place the later counts."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def at(self, place: float) -> float | None:
        """Straight between two neighbouring states; None outside the trial's own range: nothing is extrapolated."""
        slack = 1e-9 * max(1.0, abs(place))
        if not self.x or place < self.x[0] - slack or place > self.x[-1] + slack:
            return None
        for index, right in enumerate(self.x):
            if abs(right - place) <= slack:
                return self.y[index]
            if right > place:
                left = self.x[index - 1]
                share = (place - left) / (right - left)
                return self.y[index - 1] + share * (self.y[index] - self.y[index - 1])
        return self.y[-1]


def curve_of(states: Sequence[StateEnd], dense_macs: float, axis: Axis, quantity: Quantity = "val_accuracy") -> Curve:
    """A trial's curve over `axis`; MACs as a share of `dense_macs`, the dense network's."""
    places = {place_of(state, dense_macs, axis): float(getattr(state, quantity)) for state in states}
    ordered = sorted(places.items())
    return Curve(tuple(x for x, _ in ordered), tuple(y for _, y in ordered))


def place_of(state: StateEnd, dense_macs: float, axis: Axis) -> float:
    if axis == "training_macs":
        return state.training_macs
    return state.removed_percent if axis == "removed_percent" else state.macs / dense_macs
