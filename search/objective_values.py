"""What a trial's states are worth to a search: objectives and constraints read off its record."""

from __future__ import annotations

from collections.abc import Sequence

from models.errors import UserError
from search.curves import Curve
from search.objectives import SHARES, Constraint, Objective
from trainables.record import StateEnd


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
