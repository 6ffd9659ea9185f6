"""What a search optimises, and the limits it keeps to, as they are written in a study file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from models.names import nearest, suggestion
from models.section import Section
from search.space.parameter import listed

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


def known_metric(metric: str) -> str:
    if metric in DIRECTIONS:
        return metric
    if metric.startswith("test"):
        raise ValueError(f"{metric}: a search never sees the test split; validation chooses, for instance val_accuracy")
    hint = suggestion(nearest(metric, DIRECTIONS))
    raise ValueError(f"{metric!r} is not a metric to search by ({', '.join(DIRECTIONS)}){hint}")


Metric = Annotated[str, AfterValidator(known_metric)]


class Objective(Section):
    """One metric to optimise. With `at`, its value interpolated to that removed_percent on the trial's state curve."""

    metric: Metric
    direction: Direction
    at: float | None = Field(None, ge=0, le=100)

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        """A metric's name, or fields of which the direction may be left out."""
        if isinstance(value, cls):
            return value
        fields = {"metric": value} if isinstance(value, str) else value
        if not isinstance(fields, Mapping):
            raise ValueError(f"an objective is a metric's name or {{metric: NAME, at: PERCENT}}, found {value!r}")
        direction = fields.get("direction") or DIRECTIONS.get(str(fields.get("metric")), "max")
        return {**fields, "direction": direction}

    @model_validator(mode="after")
    def _in_the_metrics_direction(self) -> Self:
        if self.direction != DIRECTIONS[self.metric]:
            raise ValueError(f"{self.metric} is optimised as {DIRECTIONS[self.metric]}, found {self.direction!r}")
        return self


class Constraint(Section):
    """`metric op bound`; with `share`, the bound is a share of the dense network's value."""

    metric: Metric
    op: Literal["<=", ">="]
    bound: float = Field(ge=0)
    share: bool = False

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        """`macs <= 0.3`: for MACs and parameters a bound of at most 1, or one in %, is a share of the dense network's."""
        if isinstance(value, Mapping | cls):
            return value
        match = CONSTRAINT.match(str(value))
        if match is None:
            raise ValueError(
                f"a constraint is written like `macs <= 0.3`, `params <= 5M` or `macs <= 30%`, found {value!r}"
            )
        metric, op, number, unit = match.groups()
        bound = float(number) / 100 if unit == "%" else float(number) * UNITS[unit or ""]
        share = metric in SHARES and (unit == "%" or (unit is None and bound <= 1))
        return {"metric": metric, "op": op, "bound": bound, "share": share}

    def text(self) -> str:
        return f"{self.metric} {self.op} {self.bound:g}" + (" of dense" if self.share else "")


def one_or_many(field: str, entries_of: Callable[[str, Any], list[Any]]) -> BeforeValidator:
    """One entry or a list of them; a section without the key `field` stands for the entries of its keys and values."""

    def entries(value: Any) -> Iterator[Any]:
        for entry in listed(value):
            if not isinstance(entry, Mapping) or field in entry:
                yield entry
                continue
            for key, inner in entry.items():
                yield from entries_of(key, inner)

    return BeforeValidator(lambda value: list(entries(value)))


def _checked(objectives: tuple[Objective, ...]) -> tuple[Objective, ...]:
    if not objectives:
        raise ValueError("an objective is missing; write for instance `objective: val_accuracy`")
    if len({(one.metric, one.at) for one in objectives}) < len(objectives):
        raise ValueError("an objective is given twice")
    return objectives


Objectives = Annotated[
    tuple[Objective, ...],
    one_or_many("metric", lambda metric, direction: [{"metric": metric, "direction": direction}]),
    AfterValidator(_checked),
]
"""`val_accuracy`, `{metric: val_accuracy, at: 60}`, `{val_accuracy: max, macs: min}` or a list of these."""
Constraints = Annotated[tuple[Constraint, ...], one_or_many("metric", lambda metric, bound: [f"{metric} <= {bound}"])]
"""`macs <= 0.3`, `{macs: 0.3}` (at most) or a list of these."""
