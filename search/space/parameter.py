"""One searched key of a study's space, as it is written in the study file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter

from models.names import nearest, suggestion
from models.section import Section, finite_throughout
from search.config_file import key_tree
from search.space.distributions import Choice, Integer, Uniform

LISTS = ("choice", "grid")
SHAPES = {"quniform": "[lowest, highest, step]", **dict.fromkeys(LISTS, "a list of values")}
NAMES = ("uniform", "log_uniform", "quniform", "int", "log_int", *LISTS)


def named_form(spec: Any) -> Any:
    """{NAME: bounds or values, step: …} as the fields of the distribution it names."""
    if not isinstance(spec, Mapping):
        return spec
    unknown = next((name for name in spec if name not in (*NAMES, "step")), None)
    if unknown is not None:
        hint = suggestion(nearest(str(unknown), (*NAMES, "arms", "when", "step")))
        raise ValueError(f"{unknown!r} is not a distribution ({', '.join(NAMES)}){hint}")
    names = [name for name in spec if name in NAMES]
    if len(names) != 1:
        raise ValueError(f"one distribution is expected ({', '.join(NAMES)}), found {', '.join(names) or 'none'}")
    name, given = names[0], spec[names[0]]
    step = {"step": spec["step"]} if spec.get("step") is not None else {}
    if step and name not in ("uniform", "int"):
        raise ValueError(f"step goes with uniform and int, not with {name}")
    wanted = SHAPES.get(name, "[lowest, highest]")
    count = None if name in LISTS else wanted.count(",") + 1
    if not isinstance(given, list) or not given or count not in (None, len(given)):
        raise ValueError(f"{name} takes {wanted}, found {given!r}")
    if name in LISTS:
        return {"form": name, "values": given}
    return {"form": name.removeprefix("q"), **dict(zip(("low", "high", "step"), given, strict=False)), **step}


Distribution = Annotated[Uniform | Integer | Choice, Field(discriminator="form"), BeforeValidator(named_form)]
"""One searched key's values, all with the same methods:

`suggest` asks an Optuna trial; `stored` is Optuna's form of a value, `optuna()` of the whole; `grid` gives all values in order,
or None where they are not countable; `corners` those that stand for all when the key's validity is checked; `spec` is
the distribution as written in a study file.
"""


def listed(value: Any) -> list[Any] | tuple[Any, ...]:
    """A single value as a list of it."""
    return value if isinstance(value, list | tuple) else [value]


def _unlisted(values: tuple[Any, ...]) -> Any:
    """The shortest that `listed` makes these values of."""
    return values[0] if len(values) == 1 and not isinstance(values[0], list) else list(values)


Values = Annotated[tuple[Any, ...], BeforeValidator(listed), AfterValidator(finite_throughout)]
Relative = Annotated[str, AfterValidator(lambda key: key.removeprefix("trial."))]


class Parameter(Section):
    """`key` is relative to `trial`. `arms` None means all. `when`: key → the values for which this one is searched.

    A key may be searched in several ways under different conditions; `name` tells these apart (`train.lr`, `train.lr#1`).
    """

    key: str
    distribution: Distribution
    arms: Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(listed)] | None = None
    when: Annotated[dict[Relative, Values], Field(min_length=1)] = Field(default_factory=dict)
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
        trees = (key_tree.nested(self.key, value) for value in self.distribution.values)
        return tuple(dict.fromkeys(leaf for tree in trees for leaf, _ in key_tree.leaves(tree)))

    def decides(self, key: str) -> bool:
        """Whether a value of this parameter may set the key, something in it, or a section around it."""
        return any(key_tree.overlap(key, leaf) for leaf in self.sets())

    def spec(self) -> dict[str, Any]:
        """As written in a study file."""
        spec = self.distribution.spec()
        if self.arms is not None:
            spec["arms"] = list(self.arms)
        if self.when:
            spec["when"] = {key: _unlisted(values) for key, values in self.when.items()}
        return spec


PARAMETERS = TypeAdapter(tuple[Parameter, ...])


def read_parameters(key: str, spec: Any) -> tuple[Parameter, ...]:
    """The parameters of one key: from one distribution, or from a list of them under different conditions.

    ValueError says what is wrong with the specification.
    """
    if isinstance(spec, list):
        if not spec or not all(isinstance(one, dict) and set(one) & set(NAMES) for one in spec):
            raise ValueError(f"to search a list of values write {{choice: [...]}}, found {spec!r}")
    elif not isinstance(spec, dict):
        raise ValueError(f"a distribution is written like {{choice: [...]}}, found {spec!r}")
    alternatives = spec if isinstance(spec, list) else [spec]
    return PARAMETERS.validate_python([_fields(key, *one) for one in enumerate(alternatives)])


def _fields(key: str, alternative: int, spec: Mapping[str, Any]) -> dict[str, Any]:
    drawn = {name: value for name, value in spec.items() if name not in ("arms", "when")}
    where = {name: spec[name] for name in ("arms", "when") if spec.get(name) is not None}
    return {"key": key, "distribution": drawn, **where, "alternative": alternative}
