"""The distributions a study file may name, and what each becomes in Optuna."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from models.section import Section, finite_throughout

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

MOST_VALUES = 100_000
"""Of one key in a grid, and of a range with a `step`."""
SMALLEST_STEP = 1e-9
"""Stepped values are rounded to twelve places."""
Stored = None | bool | int | float | str
"""What Optuna keeps of a value."""


def _whole(value: Any) -> int:
    if not _is_number(value) or value != int(value):
        raise ValueError(f"whole numbers are expected, found {value!r}")
    return int(value)


def _above_zero(step: float) -> float:
    if step <= 0:
        raise ValueError(f"step must be above 0, found {step:g}")
    if step < SMALLEST_STEP:
        raise ValueError(
            f"step must be at least {SMALLEST_STEP:g}, found {step:g}; leave it out for a continuous range"
        )
    return step


Number = Annotated[float, Field(strict=True)]
Whole = Annotated[int, BeforeValidator(_whole)]


class Range(Section):
    """Numbers in [low, high]; with `step` only low + i*step, `high` being the last; with `log` uniform in the logarithm."""

    form: str
    low: Number
    step: Annotated[Number, AfterValidator(_above_zero)] | None = None
    high: Number

    @property
    def log(self) -> bool:
        return self.form.startswith("log_")

    @field_validator("high")
    @classmethod
    def _ends_the_range(cls, high: float, info: ValidationInfo) -> float:
        low, step = info.data.get("low"), info.data.get("step")
        if low is None:
            return high
        if low > high:
            raise ValueError(f"the lowest value comes first, found [{low:g}, {high:g}]")
        if low <= 0 and info.data["form"].startswith("log_"):
            raise ValueError(f"a logarithmic distribution needs numbers above 0, found [{low:g}, {high:g}]")
        return high if step is None else cls._last(low, step, high)

    @staticmethod
    def _last(low: float, step: float, high: float) -> float:
        """The last of low + i*step that is not above `high`."""
        steps = (high - low) / step
        if steps >= MOST_VALUES:
            raise ValueError(
                f"a step of {step:g} makes more than {MOST_VALUES:,} values of [{low:g}, {high:g}]; take a larger one, or none"
            )
        return max(low, round(low + math.floor(steps + 1e-9) * step, 12))

    def spec(self) -> dict[str, Any]:
        """As written in a study file."""
        return {self.form: [self.low, self.high], **self.model_dump(include={"step"}, exclude_defaults=True)}


class Uniform(Range):
    """Real numbers."""

    form: Literal["uniform", "log_uniform"]

    def suggest(self, trial: Trial, name: str) -> float:
        return self._rounded(trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log))

    def optuna(self) -> BaseDistribution:
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def stored(self, value: Any) -> Stored:
        return float(value)

    def contains(self, value: Any) -> bool:
        if not _is_number(value) or not self.low <= value <= self.high:
            return False
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return bool(abs(steps - round(steps)) < 1e-6)

    def grid(self) -> tuple[float, ...] | None:
        if self.step is None:
            return (self.low,) if self.low == self.high else None
        count = round((self.high - self.low) / self.step) + 1
        return tuple(self._rounded(self.low + position * self.step) for position in range(count))

    def corners(self) -> tuple[float, ...]:
        if self.step is not None:
            return (self.low, self._rounded(self.low + self.step * min(1, self.high - self.low)), self.high)
        # An irrational share of the way shows a key that takes only whole numbers.
        return (self.low, self.low + (self.high - self.low) * 0.381966, self.high)

    def _rounded(self, value: float) -> float:
        """A stepped value without the last digits' float error; any other as it is."""
        return value if self.step is None else max(self.low, round(value, 12))


class Integer(Range):
    """Whole numbers."""

    form: Literal["int", "log_int"]
    low: Whole
    step: Annotated[Whole, AfterValidator(_above_zero)] = 1
    high: Whole

    def suggest(self, trial: Trial, name: str) -> int:
        return trial.suggest_int(name, self.low, self.high, step=self.step, log=self.log)

    def optuna(self) -> BaseDistribution:
        from optuna.distributions import IntDistribution

        return IntDistribution(self.low, self.high, log=self.log, step=self.step)

    def stored(self, value: Any) -> Stored:
        return int(value)

    def contains(self, value: Any) -> bool:
        return _is_number(value) and value == int(value) and int(value) in range(self.low, self.high + 1, self.step)

    @staticmethod
    def _last(low: Any, step: Any, high: Any) -> Any:
        return low + (high - low) // step * step

    def grid(self) -> tuple[int, ...] | None:
        count = (self.high - self.low) // self.step + 1
        return tuple(range(self.low, self.high + 1, self.step)) if count <= MOST_VALUES else None

    def corners(self) -> tuple[int, ...]:
        return (self.low, self.high)


class Choice(Section):
    """One of the listed values, which may be lists or whole sub-trees. `grid` says that a grid runs them all."""

    form: Literal["choice", "grid"]
    values: Annotated[tuple[Any, ...], AfterValidator(finite_throughout)]

    @field_validator("values")
    @classmethod
    def _differ(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        for position, value in enumerate(values):
            if any(same(value, earlier) for earlier in values[:position]):
                raise ValueError(f"lists {value!r} twice")
        return values

    def suggest(self, trial: Trial, name: str) -> Any:
        labels = self._labels()
        return self.values[labels.index(trial.suggest_categorical(name, labels))]

    def optuna(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self._labels())

    def stored(self, value: Any) -> Stored:
        return next(label for label, one in zip(self._labels(), self.values, strict=True) if same(value, one))

    def contains(self, value: Any) -> bool:
        return any(same(value, one) for one in self.values)

    def grid(self) -> tuple[Any, ...]:
        return self.values

    def corners(self) -> tuple[Any, ...]:
        return self.values

    def spec(self) -> dict[str, Any]:
        return {self.form: list(self.values)}

    def _labels(self) -> list[Stored]:
        """Plain words and numbers as they are; where any value is more than that, all as JSON text.

        Optuna's storages hold nothing else, and tell 1 from true no better than Python does.
        """
        if all(isinstance(value, str) for value in self.values) or all(_is_number(value) for value in self.values):
            return list(self.values)
        return [json.dumps(value, sort_keys=True) for value in self.values]


def same(one: Any, other: Any) -> bool:
    """Equality that tells true from 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
