"""One trial along its states: read off at equal removal or equal MACs, and what an objective makes of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from models.errors import UserError
from search.study.objectives import SHARES, Constraint, Objective
from trainables.files.record import StateEnd

Axis = Literal["removed_percent", "macs", "training_macs"]
Quantity = Literal["val_accuracy", "test_accuracy", "training_macs", "seconds", "removed_percent", "macs"]


@dataclass(frozen=True)
class Curve:
    """Points with `x` rising strictly; of states at one place the later counts."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def at(self, x: float) -> float | None:
        """Straight between two neighbouring states; None outside the trial's own range: nothing is extrapolated."""
        slack = 1e-9 * max(1.0, abs(x))
        index = bisect_left(self.x, x - slack)
        if index < len(self.x) and self.x[index] <= x + slack:
            return self.y[index]
        if index in (0, len(self.x)):
            return None
        # Not numpy.interp: its last digits differ, and a run compared earlier must keep its numbers.
        left, right = self.x[index - 1], self.x[index]
        share = (x - left) / (right - left)
        return self.y[index - 1] + share * (self.y[index] - self.y[index - 1])


def curve_of(states: Sequence[StateEnd], dense_macs: float, axis: Axis, quantity: Quantity = "val_accuracy") -> Curve:
    """A trial's curve over `axis`; MACs as a share of `dense_macs`, the dense network's."""
    unit = dense_macs if axis == "macs" else 1
    known = [state for state in states if getattr(state, quantity) is not None]  # no test split, no test accuracy
    return curve_through({getattr(state, axis) / unit: float(getattr(state, quantity)) for state in known})


def state_weights(states: Sequence[StateEnd], dense_macs: float, axis: Axis, x: float) -> dict[int, float]:
    """State → its share in the value that a trial's curve has at `x`: one state alone, or two neighbours that sum to 1.

    Empty outside the trial's own range.
    """
    unit = dense_macs if axis == "macs" else 1
    states_at = {getattr(state, axis) / unit: state.state for state in states}
    found = {}
    for state in states_at.values():
        share = curve_through({place: float(other == state) for place, other in states_at.items()}).at(x)
        if share:
            found[state] = share
    return found


def curve_through(points: Mapping[float, float]) -> Curve:
    """A curve of place → value."""
    places = sorted(points)
    return Curve(tuple(places), tuple(points[place] for place in places))


def objective_value(states: Sequence[StateEnd], objective: Objective) -> float | None:
    """The objective at the last of `states`, or interpolated to `objective.at` removed percent.

    None where there is no state yet, or where the states do not reach that removal.
    """
    if not states:
        return None
    if objective.at is None:
        return metric_of(states[-1], objective.metric)
    return curve_through({state.removed_percent: metric_of(state, objective.metric) for state in states}).at(
        objective.at
    )


def violation(states: Sequence[StateEnd], constraint: Constraint) -> float:
    """By how much the last state breaks a constraint, in the constraint's own unit: feasible where at most 0."""
    value = metric_of(states[-1], constraint.metric)
    if constraint.share and constraint.metric in SHARES:
        value /= metric_of(states[0], constraint.metric)
    return value - constraint.bound if constraint.op == "<=" else constraint.bound - value


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """The mean of values that are all there; None where one is missing, or all are."""
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def metric_of(state: StateEnd, metric: str) -> float:
    """One figure of a state's end. UserError for a metric that records do not hold."""
    value = getattr(state, metric, None)
    if value is None:
        raise UserError(
            f"search.objective: {metric} is not in the records of these trials; set trial.measure.latency: true"
        )
    return float(value)
