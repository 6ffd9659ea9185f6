"""The distributions a study file may name, and what each becomes in Optuna."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from models.names import nearest, suggestion

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

Stored = None | bool | int | float | str
"""What Optuna keeps of a value."""


class Distribution(Protocol):
    """One searched key's values. `stored` is Optuna's form of a value; `value` the study's own."""

    def suggest(self, trial: Trial, name: str) -> Any: ...
    def optuna(self) -> BaseDistribution: ...
    def stored(self, value: Any) -> Stored: ...
    def contains(self, value: Any) -> bool: ...
    def grid(self) -> tuple[Any, ...] | None:
        """All values in order, or None where they are not countable."""

    def corners(self) -> tuple[Any, ...]:
        """The values that stand for all when the key's validity is checked."""

    def spec(self) -> dict[str, Any]:
        """As written in a study file."""


@dataclass(frozen=True)
class Uniform:
    """Real numbers in [low, high]; with `step` only low + i*step; with `log` uniform in the logarithm."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

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
        if self.step is None:
            return True
        steps = (value - self.low) / self.step
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

    def spec(self) -> dict[str, Any]:
        bounds = {"log_uniform" if self.log else "uniform": [self.low, self.high]}
        return bounds if self.step is None else {**bounds, "step": self.step}

    def _rounded(self, value: float) -> float:
        """A stepped value without the last digits' float error; any other as it is."""
        return value if self.step is None else round(value, 12)


@dataclass(frozen=True)
class Integer:
    """Whole numbers in [low, high], every `step`-th; with `log` uniform in the logarithm."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def suggest(self, trial: Trial, name: str) -> int:
        return trial.suggest_int(name, self.low, self.high, step=self.step, log=self.log)

    def optuna(self) -> BaseDistribution:
        from optuna.distributions import IntDistribution

        return IntDistribution(self.low, self.high, log=self.log, step=self.step)

    def stored(self, value: Any) -> Stored:
        return int(value)

    def contains(self, value: Any) -> bool:
        if not _is_number(value) or value != int(value):
            return False
        return bool(self.low <= value <= self.high and (value - self.low) % self.step == 0)

    def grid(self) -> tuple[int, ...]:
        return tuple(range(self.low, self.high + 1, self.step))

    def corners(self) -> tuple[int, ...]:
        return (self.low, self.high)

    def spec(self) -> dict[str, Any]:
        bounds: dict[str, Any] = {"log_int" if self.log else "int": [self.low, self.high]}
        return bounds if self.step == 1 else {**bounds, "step": self.step}


@dataclass(frozen=True)
class Choice:
    """One of the listed values, which may be lists or whole sub-trees. `exhaustive`: written as `grid`."""

    values: tuple[Any, ...]
    exhaustive: bool = False

    def suggest(self, trial: Trial, name: str) -> Any:
        labels = self._labels()
        return self.values[labels.index(trial.suggest_categorical(name, labels))]

    def optuna(self) -> BaseDistribution:
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self._labels())

    def stored(self, value: Any) -> Stored:
        label: Stored = self._labels()[self._position(value)]
        return label

    def contains(self, value: Any) -> bool:
        return any(same(value, one) for one in self.values)

    def grid(self) -> tuple[Any, ...]:
        return self.values

    def corners(self) -> tuple[Any, ...]:
        return self.values

    def spec(self) -> dict[str, Any]:
        return {"grid" if self.exhaustive else "choice": list(self.values)}

    def _position(self, value: Any) -> int:
        return next(position for position, one in enumerate(self.values) if same(value, one))

    def _labels(self) -> list[Any]:
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


RANGES = ("uniform", "log_uniform", "quniform", "int", "log_int")
LISTS = ("choice", "grid")
NAMES = (*RANGES, *LISTS)


def read_distribution(spec: Mapping[str, Any]) -> Distribution:
    """A distribution from {NAME: bounds or values, step: …}. ValueError says what is wrong with it."""
    names = [name for name in spec if name in NAMES]
    unknown = [name for name in spec if name not in (*NAMES, "step")]
    if unknown:
        hint = suggestion(nearest(unknown[0], (*NAMES, "arms", "when", "step")))
        raise ValueError(f"{unknown[0]!r} is not a distribution ({', '.join(NAMES)}){hint}")
    if len(names) != 1:
        raise ValueError(f"one distribution is expected ({', '.join(NAMES)}), found {', '.join(names) or 'none'}")
    name, step = names[0], spec.get("step")
    if name in LISTS:
        if step is not None:
            raise ValueError(f"step goes with uniform and int, not with {name}")
        return _read_choice(name, spec[name])
    if name == "quniform":
        if not isinstance(spec[name], list) or len(spec[name]) != 3 or step is not None:
            raise ValueError(f"quniform takes [lowest, highest, step], found {spec[name]!r}")
        *bounds, step = spec[name]
        return _read_uniform(bounds, step, log=False)
    if name in ("int", "log_int"):
        return _read_integer(spec[name], step, log=name == "log_int")
    return _read_uniform(spec[name], step, log=name == "log_uniform")


def _read_choice(name: str, values: Any) -> Choice:
    if not isinstance(values, list) or not values:
        raise ValueError(f"{name} takes a list of values, found {values!r}")
    for position, value in enumerate(values):
        if any(same(value, earlier) for earlier in values[:position]):
            raise ValueError(f"{name} lists {value!r} twice")
    return Choice(tuple(values), exhaustive=name == "grid")


def _read_uniform(bounds: Any, step: Any, log: bool) -> Uniform:
    low, high = _bounds(bounds, log)
    if step is None:
        return Uniform(low, high, None, log)
    if log:
        raise ValueError("a logarithmic distribution takes no step")
    if not _is_number(step) or step <= 0:
        raise ValueError(f"step must be a number above 0, found {step!r}")
    steps = math.floor((high - low) / step + 1e-9)
    return Uniform(low, round(low + steps * step, 12), float(step))


def _read_integer(bounds: Any, step: Any, log: bool) -> Integer:
    low, high = _bounds(bounds, log)
    if low != int(low) or high != int(high):
        raise ValueError(f"whole numbers are expected, found {bounds!r}")
    if step is None:
        return Integer(int(low), int(high), 1, log)
    if log:
        raise ValueError("a logarithmic distribution takes no step")
    if not _is_number(step) or step != int(step) or step < 1:
        raise ValueError(f"step must be a whole number above 0, found {step!r}")
    return Integer(int(low), int(low) + (int(high) - int(low)) // int(step) * int(step), int(step))


def _bounds(bounds: Any, log: bool) -> tuple[float, float]:
    if not isinstance(bounds, list) or len(bounds) != 2 or not all(map(_is_number, bounds)):
        raise ValueError(f"[lowest, highest] is expected, found {bounds!r}")
    low, high = bounds
    if low > high:
        raise ValueError(f"the lowest value comes first, found {bounds!r}")
    if log and low <= 0:
        raise ValueError(f"a logarithmic distribution needs numbers above 0, found {bounds!r}")
    return float(low), float(high)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
