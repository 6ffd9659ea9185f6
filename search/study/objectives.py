"""What a search optimises, and the limits it keeps to, as they are written in a study file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from models.names import nearest, suggestion
from models.section import Section

Direction = Literal["max", "min"]
DIRECTIONS: dict[str, Direction] = {
    "val_accuracy": "max",
    "val_loss": "min",
    "macs": "min",
    "params": "min",
    "latency_ms": "min",
    "removed_percent": "max",
}
"""Metrics of a trial's last state that a search may use; test metrics are not among them, on purpose."""
SHARES = ("macs", "params")
"""Metrics that may be given as a share of the dense network's."""
UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
CONSTRAINT = re.compile(r"^\s*(\w+)\s*(<=|>=)\s*([0-9.]+(?:[eE][-+]?[0-9]+)?)\s*(%|k|M|G)?\s*$")


class Objective(Section):
    """One metric to optimise. With `at`, its value interpolated to that removed_percent on the trial's state curve."""

    metric: str
    direction: Direction
    at: float | None = Field(None, ge=0, le=100)


class Constraint(Section):
    """`metric op bound`; with `share`, the bound is a share of the dense network's value."""

    metric: str
    op: Literal["<=", ">="]
    bound: float = Field(ge=0)
    share: bool = False

    def text(self) -> str:
        return f"{self.metric} {self.op} {self.bound:g}" + (" of dense" if self.share else "")


def read_objectives(value: Any) -> Any:
    """A word, {metric, direction, at}, {metric: direction, …} or a list of these → the list of objectives' fields.

    ValueError, as pydantic wants it, for an unknown metric or a wrong form.
    """
    entries = value if isinstance(value, list | tuple) else [value]
    objectives = [objective for entry in entries for objective in _read_objective(entry)]
    if not objectives:
        raise ValueError("an objective is missing; write for instance `objective: val_accuracy`")
    metrics = [(objective["metric"], objective.get("at")) for objective in objectives]
    if len(set(metrics)) < len(metrics):
        raise ValueError("an objective is given twice")
    return objectives


def _read_objective(entry: Any) -> list[dict[str, Any]]:
    if isinstance(entry, Objective):
        return [entry.model_dump()]
    if isinstance(entry, str):
        return [{"metric": entry, "direction": _direction(entry)}]
    if not isinstance(entry, Mapping):
        raise ValueError(f"an objective is a metric's name or {{metric: NAME, at: PERCENT}}, found {entry!r}")
    if "metric" not in entry:
        return [{"metric": metric, "direction": _direction(metric, given)} for metric, given in entry.items()]
    return [{**entry, "direction": _direction(entry["metric"], entry.get("direction"))}]


def _direction(metric: Any, given: Any = None) -> str:
    known_metric(metric)
    direction = DIRECTIONS[metric]
    if given is not None and given != direction:
        raise ValueError(f"{metric} is optimised as {direction}, found {given!r}")
    return direction


def known_metric(metric: Any) -> None:
    if metric in DIRECTIONS:
        return
    if str(metric).startswith("test"):
        raise ValueError(f"{metric}: a search never sees the test split; validation chooses, for instance val_accuracy")
    hint = suggestion(nearest(str(metric), DIRECTIONS))
    raise ValueError(f"{metric!r} is not a metric to search by ({', '.join(DIRECTIONS)}){hint}")


def read_constraints(value: Any) -> Any:
    """`macs <= 0.3`, {macs: 0.3} (at most) or a list of these → the list of constraints' fields.

    For MACs and parameters a bound of at most 1, or one in %, is a share of the dense network's; `5M`, `1.2G` are absolute.
    """
    entries = value if isinstance(value, list | tuple) else [value]
    return [constraint for entry in entries for constraint in _read_constraint(entry)]


def _read_constraint(entry: Any) -> list[dict[str, Any]]:
    if isinstance(entry, Constraint):
        return [entry.model_dump()]
    if isinstance(entry, Mapping) and "metric" in entry:
        known_metric(entry["metric"])
        return [dict(entry)]
    if isinstance(entry, Mapping):
        return [found for metric, bound in entry.items() for found in _read_constraint(f"{metric} <= {bound}")]
    match = CONSTRAINT.match(str(entry))
    if match is None:
        raise ValueError(
            f"a constraint is written like `macs <= 0.3`, `params <= 5M` or `macs <= 30%`, found {entry!r}"
        )
    metric, op, number, unit = match[1], match[2], match[3], match[4] or ""
    known_metric(metric)
    if unit == "%":
        return [{"metric": metric, "op": op, "bound": float(number) / 100, "share": metric in SHARES}]
    bound = float(number) * UNITS[unit]
    return [{"metric": metric, "op": op, "bound": bound, "share": metric in SHARES and not unit and bound <= 1}]
