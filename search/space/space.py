"""The declared search space: one form for Optuna's define-by-run, random search and grids.

Values are dictionaries from dotted keys (relative to `trial`) to what the study file would say there; a value may be a
sub-tree that is merged in. A parameter is *active* where its arm and its conditions allow; only active ones have values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from models.errors import UserError
from search.config_file import key_tree
from search.space.distributions import MOST_VALUES, same
from search.space.parameter import Parameter
from trainables.config.trial import TrialConfig

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution

Values = dict[str, Any]


@dataclass(frozen=True)
class Space:
    """`parameters` in an order in which every one comes after those its conditions ask about (see `ordered`).

    `base` gives each arm's configuration without searched values, which conditions on other keys are judged by.
    """

    parameters: tuple[Parameter, ...] = ()
    base: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.parameters)

    def keys(self) -> tuple[str, ...]:
        """Every searched key once."""
        return tuple(dict.fromkeys(parameter.key for parameter in self.parameters))

    def for_arm(self, arm: str) -> tuple[Parameter, ...]:
        """The parameters that an arm searches, those under conditions included."""
        return tuple(parameter for parameter in self.parameters if parameter.of_arm(arm))

    def is_conditional(self, arm: str) -> bool:
        """Whether any of the arm's searched keys depends on another *searched* key."""
        searched = self.for_arm(arm)
        return any(_providers(key, searched) for parameter in searched for key in parameter.when)

    def steady(self, arm: str) -> tuple[Parameter, ...]:
        """Those that every configuration of the arm has: they depend on no searched key."""
        searched = self.for_arm(arm)
        return tuple(
            one
            for one in searched
            if not any(_providers(key, searched) for key in one.when) and self._is_active(one, arm, {})
        )

    def suggest(self, trial: Trial, arm: str, fixed: Mapping[str, Any] | None = None) -> Values:
        """Ask an Optuna trial for the value of every active parameter, in order (define-by-run).

        Keys in `fixed` are taken from there without asking; the result holds them too, where they are active.
        """
        values: Values = {}
        for parameter in self.active(arm, values):
            if fixed is not None and parameter.key in fixed:
                values[parameter.key] = fixed[parameter.key]
            else:
                values[parameter.key] = parameter.distribution.suggest(trial, parameter.name)
        return values

    def sample(self, arm: str, seed: int, fixed: Mapping[str, Any] | None = None) -> Values:
        """One random configuration; depends only on the space, the arm, `seed` and `fixed`."""
        import optuna

        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
        finally:
            optuna.logging.set_verbosity(verbosity)
        return self.suggest(study.ask(), arm, fixed)

    def grid_points(self, arm: str, fixed: Mapping[str, Any] | None = None) -> Iterator[Values]:
        """Every configuration of the arm in a fixed order: the last parameter varies fastest.

        UserError for a continuous distribution.
        """
        return self._grid(self.for_arm(arm), arm, fixed or {})

    def grid_size(self, arm: str, fixed: Mapping[str, Any] | None = None) -> int:
        """How many grid points the arm has, conditions counted out; beyond `MOST_VALUES` no exact number."""
        parameters, fixed = self.for_arm(arm), fixed or {}
        asked = {one.name for parameter in parameters for key in parameter.when for one in _providers(key, parameters)}
        tied = tuple(parameter for parameter in parameters if parameter.when or parameter.name in asked)
        free = (parameter for parameter in parameters if parameter not in tied and parameter.key not in fixed)
        under_conditions = sum(1 for _ in islice(self._grid(tied, arm, fixed), MOST_VALUES + 1))
        return math.prod(len(countable(parameter)) for parameter in free) * under_conditions

    def shared(self) -> Space:
        """The part that is the same for every arm: no `arms`, and conditions that depend only on such keys."""
        shared: list[Parameter] = []
        for parameter in self.parameters:
            if parameter.arms is None and all(self._is_common(key, shared) for key in parameter.when):
                shared.append(parameter)
        searched_otherwise = {one.key for one in self.parameters if one not in shared}
        return Space(tuple(one for one in shared if one.key not in searched_otherwise), self.base)

    def accepts(self, values: Mapping[str, Any], arm: str) -> bool:
        """Whether `values` is a configuration of this space: every active key, in its range, and nothing else."""
        try:
            params, _ = self.to_optuna(values, arm)
        except ValueError:
            return False
        return len(params) == len(values)

    def to_optuna(
        self, values: Mapping[str, Any], arm: str, fixed: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
        """(params, distributions) from which Optuna rebuilds the trial that had these values.

        Keys in `fixed` were never asked for and are left out. ValueError where a value is missing or out of range.
        """
        params: dict[str, Any] = {}
        distributions: dict[str, BaseDistribution] = {}
        chosen: Values = {}
        for parameter in self.active(arm, chosen):
            if parameter.key not in values:
                raise ValueError(f"{parameter.key} has no value")
            value = chosen[parameter.key] = values[parameter.key]
            if fixed is not None and parameter.key in fixed:
                continue
            if not parameter.distribution.contains(value):
                raise ValueError(f"{parameter.key}: {value!r} lies outside the space")
            params[parameter.name] = parameter.distribution.stored(value)
            distributions[parameter.name] = parameter.distribution.optuna()
        return params, distributions

    def active(self, arm: str, values: Mapping[str, Any]) -> Iterator[Parameter]:
        """The arm's active parameters in order, each judged by the `values` that the caller has given those before it."""
        return (parameter for parameter in self.for_arm(arm) if self._is_active(parameter, arm, values))

    def _is_active(self, parameter: Parameter, arm: str, values: Mapping[str, Any]) -> bool:
        """A condition on a searched key that is itself inactive does not hold."""
        conditions = parameter.when.items()
        return parameter.key not in values and all(self._holds(key, wanted, arm, values) for key, wanted in conditions)

    def _holds(self, key: str, wanted: tuple[Any, ...], arm: str, values: Mapping[str, Any]) -> bool:
        if any(parameter.key == key for parameter in self.parameters) and key not in values:
            return False
        found = key_tree.get(key_tree.with_keys(self.base.get(arm, {}), values), key)
        if found is key_tree.ABSENT:
            found = key_tree.get(defaults(), key)
        return any(same(found, value) for value in wanted)

    def _grid(self, parameters: tuple[Parameter, ...], arm: str, fixed: Mapping[str, Any]) -> Iterator[Values]:
        points: Iterator[Values] = iter([{}])
        for parameter in parameters:
            points = self._branched(points, parameter, arm, fixed)
        return points

    def _branched(
        self, points: Iterator[Values], parameter: Parameter, arm: str, fixed: Mapping[str, Any]
    ) -> Iterator[Values]:
        for values in points:
            if not self._is_active(parameter, arm, values):
                yield values
                continue
            for value in (fixed[parameter.key],) if parameter.key in fixed else countable(parameter):
                yield {**values, parameter.key: value}

    def _is_common(self, key: str, shared: list[Parameter]) -> bool:
        providers = _providers(key, self.parameters)
        if providers:
            return all(one in shared for one in providers)
        found = [key_tree.get(tree, key) for tree in self.base.values()]
        return all(same(one, found[0]) for one in found)


def countable(parameter: Parameter) -> tuple[Any, ...]:
    """The values of a parameter in a grid. UserError where they cannot be counted."""
    values = parameter.distribution.grid()
    if values is None:
        raise UserError(
            f"space.{parameter.key}: {parameter.distribution.form} is continuous and has no grid; "
            "write {grid: [...]} or {uniform: [lowest, highest], step: ...}"
        )
    return values


def ordered(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    """The parameters, each after those its conditions ask about, else in the order given. UserError for a circle."""
    done: list[Parameter] = []
    waiting = list(parameters)
    while waiting:
        ready = next((one for one in waiting if not any(_providers(key, waiting) for key in one.when)), None)
        if ready is None:
            circle = " and ".join(dict.fromkeys(one.key for one in waiting))
            raise UserError(f"space: the conditions (when) of {circle} go round in a circle")
        waiting.remove(ready)
        done.append(ready)
    return tuple(done)


def _providers(key: str, among: Sequence[Parameter]) -> list[Parameter]:
    """The parameters whose value decides what stands at `key`."""
    return [one for one in among if key_tree.overlap(key, one.key) or one.decides(key)]


@cache
def defaults() -> dict[str, Any]:
    """The default of every key that has one, as a study file would write it."""
    optional = {name: info for name, info in TrialConfig.model_fields.items() if not info.is_required()}
    plain: dict[str, Any] = to_jsonable_python(
        {name: info.get_default(call_default_factory=True) for name, info in optional.items()}
    )
    return plain
