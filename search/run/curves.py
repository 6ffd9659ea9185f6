"""One trial along its states: read off at equal removal or equal MACs, and what an objective makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from models.errors import UserError
from search.study.objectives import SHARES, Constraint, Objective
from trainables.files.record import StateEnd

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


def objective_value(states: Sequence[StateEnd], objective: Objective) -> float | None:
    """The objective at the last of `states`, or interpolated to `objective.at` removed percent.

    None where there is no state yet, or where the states do not reach that removal.
    """
    if not states:
        return None
    if objective.at is None:
        return metric_of(states[-1], objective.metric)
    places = {state.removed_percent: metric_of(state, objective.metric) for state in states}
    ordered = sorted(places.items())
    return Curve(tuple(x for x, _ in ordered), tuple(y for _, y in ordered)).at(objective.at)


def violation(states: Sequence[StateEnd], constraint: Constraint) -> float:
    """By how much the last state breaks a constraint, in the constraint's own unit: feasible where at most 0."""
    value = metric_of(states[-1], constraint.metric)
    if constraint.share and constraint.metric in SHARES:
        value /= metric_of(states[0], constraint.metric)
    return value - constraint.bound if constraint.op == "<=" else constraint.bound - value


def is_feasible(states: Sequence[StateEnd], constraints: Sequence[Constraint]) -> bool:
    return all(violation(states, constraint) <= 0 for constraint in constraints)


def metric_of(state: StateEnd, metric: str) -> float:
    """One figure of a state's end. UserError for a metric that records do not hold."""
    value = getattr(state, metric, None)
    if value is None:
        raise UserError(
            f"search.objective: {metric} is not in the records of these trials; set trial.measure.latency: true"
        )
    return float(value)
