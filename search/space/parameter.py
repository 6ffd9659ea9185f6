"""One searched key of a study's space, as it is written in the study file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from search.config_file import key_tree
from search.space.distributions import LISTS, NAMES, Choice, Distribution, read_distribution


@dataclass(frozen=True)
class Parameter:
    """`key` is relative to `trial`. `arms` None means all. `when`: key → the values for which this one is searched.

    A key may be searched in several ways under different conditions; `name` tells these apart (`train.lr`, `train.lr#1`).
    """

    key: str
    distribution: Distribution
    arms: tuple[str, ...] | None = None
    when: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    alternative: int = 0

    @property
    def name(self) -> str:
        return f"{self.key}#{self.alternative}" if self.alternative else self.key

    def of_arm(self, arm: str) -> bool:
        return self.arms is None or arm in self.arms

    def sets(self) -> tuple[str, ...]:
        """Every dotted key that a value of this parameter may set."""
        if not isinstance(self.distribution, Choice):
            return (self.key,)
        keys: dict[str, None] = {}
        for value in self.distribution.values:
            keys.update((leaf, None) for leaf, _ in key_tree.leaves(key_tree.nested(self.key, value)))
        return tuple(keys)

    def spec(self) -> dict[str, Any]:
        """As written in a study file."""
        spec = self.distribution.spec()
        if self.arms is not None:
            spec["arms"] = list(self.arms)
        if self.when:
            spec["when"] = {key: values[0] if len(values) == 1 else list(values) for key, values in self.when.items()}
        return spec


def read_parameters(key: str, spec: Any) -> tuple[Parameter, ...]:
    """The parameters of one key: from one distribution, or from a list of them under different conditions.

    ValueError says what is wrong with the specification.
    """
    if isinstance(spec, list):
        if not spec or not all(isinstance(one, dict) and set(one) & set(NAMES) for one in spec):
            raise ValueError(f"to search a list of values write {{choice: [...]}}, found {spec!r}")
        return tuple(_read(key, one, alternative) for alternative, one in enumerate(spec))
    if not isinstance(spec, dict):
        raise ValueError(f"a distribution is written like {{{LISTS[0]}: [...]}}, found {spec!r}")
    return (_read(key, spec, 0),)


def _read(key: str, spec: Mapping[str, Any], alternative: int) -> Parameter:
    distribution = read_distribution({name: value for name, value in spec.items() if name not in ("arms", "when")})
    return Parameter(key, distribution, _read_arms(spec.get("arms")), _read_when(spec.get("when")), alternative)


def _read_arms(arms: Any) -> tuple[str, ...] | None:
    if arms is None:
        return None
    arms = [arms] if isinstance(arms, str) else arms
    if not isinstance(arms, list) or not arms or not all(isinstance(arm, str) for arm in arms):
        raise ValueError(f"arms takes a list of arms' names, found {arms!r}")
    return tuple(arms)


def _read_when(when: Any) -> dict[str, tuple[Any, ...]]:
    if when is None:
        return {}
    if not isinstance(when, dict) or not when:
        raise ValueError(f"when is written like {{other.key: value}}, found {when!r}")
    return {
        str(key).removeprefix("trial."): tuple(values) if isinstance(values, list) else (values,)
        for key, values in when.items()
    }
