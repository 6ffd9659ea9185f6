"""An arm: a named patch of the study's trial, merged once when the study is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from models.errors import UserError
from pruning.catalogue import DEFAULT_METHOD, MethodTraits, traits_of
from search.config_file import key_tree, yaml_file
from search.config_file.mistakes import Mistake, Sources, first_problem, wrong_booleans
from search.space.distributions import Choice
from search.space.parameter import Parameter
from trainables.config.found import FoundWeights, with_found
from trainables.config.trial import TrialConfig


@dataclass(frozen=True)
class Arm:
    """`patch` is as the file has it, with dotted keys; `tree` is the trial with the patch over it, without searched
    values; `parameters` are what this arm searches, those under conditions included. `defaults` stand, by dotted key, for
    what the file does not say and this version would fill in otherwise. `found` are the weights that its trials start from
    where they say `source: pretrained` of a network whose weights are looked for on this machine."""

    name: str
    patch: dict[str, Any]
    tree: dict[str, Any]
    parameters: tuple[Parameter, ...] = ()
    sources: Sources = field(default=Sources("study"), compare=False, repr=False)
    defaults: Mapping[str, Any] = field(default_factory=dict, compare=False)
    found: FoundWeights = field(default_factory=dict, compare=False)

    @property
    def searched_keys(self) -> tuple[str, ...]:
        """Every searched key once, in the space's order."""
        return tuple(dict.fromkeys(parameter.key for parameter in self.parameters))

    @cached_property
    def method(self) -> str | None:
        """The pruning method; None where it is searched."""
        if any(one.decides("prune.method") for one in self.parameters):
            return None
        return str(self.value("prune.method") or DEFAULT_METHOD)

    @property
    def traits(self) -> MethodTraits:
        """Its method's; Refill's where the method is searched."""
        return traits_of(self.method)

    def value(self, key: str) -> Any:
        """What the file says at a dotted key of this arm's trial; None where it says nothing."""
        found = key_tree.get(self.tree, key)
        return None if found is key_tree.ABSENT else found

    @property
    def rewind_epochs(self) -> frozenset[int]:
        """The epochs of state 0 to whose weights trials of this arm may return, as far as they are listed."""
        searched = {one.key: one.distribution for one in self.parameters}
        named, epochs = [self.value("prune.rewind")], searched.get("prune.rewind.epoch")
        if isinstance(chosen := searched.get("prune.rewind"), Choice):
            named += chosen.values
        if isinstance(epochs, Choice):
            named += [{"epoch": epoch} for epoch in epochs.values]
        return frozenset(one["epoch"] for one in named if isinstance(one, Mapping) and one.get("epoch"))

    def config(self, values: Mapping[str, Any] | None = None, seed: int | None = None) -> TrialConfig:
        """The complete configuration of one trial: defaults, the arm's tree, then searched `values`, then `seed`.

        UserError, naming the line, where that is not a valid configuration.
        """
        values = values or {}
        tree = key_tree.with_keys(key_tree.merged(key_tree.with_keys({}, self.defaults), self.tree), values)
        if seed is not None:
            tree["seed"] = seed
        try:
            config = TrialConfig.model_validate(tree)
        except ValidationError as error:
            raise self._mistake(tree, values, error) from None
        for path, given in wrong_booleans(tree, config.model_dump()):
            message = f": a number is expected, found {str(given).lower()}"
            raise self.sources.error(self.where(path, values), message, (yaml_file.dotted(path),))
        return with_found(config, self.found)

    def where(self, path: Sequence[str | int], values: Mapping[str, Any] | None = None) -> tuple[str | int, ...]:
        """Where in the study a path within a trial's configuration is decided: in the space, the arm or the trial."""
        key = yaml_file.dotted(tuple(path))
        for searched in values or {}:
            if key_tree.overlap(key, searched) and len(key) >= len(searched):
                return ("space", searched)
        for patched in self.patch:
            if key and key_tree.overlap(key, patched):
                return ("arms", self.name, *(path if len(key) >= len(patched) else (patched,)))
        return ("trial", *path)

    def _mistake(self, tree: Mapping[str, Any], values: Mapping[str, Any], error: ValidationError) -> Mistake:
        """The validation's error at its line; where values clash with each other, at the last of them."""
        path, text = problem = first_problem(error, tree, TrialConfig, "trial.")
        section = yaml_file.dotted(path)
        within = {key: value for key, value in values.items() if not section or key.startswith(section + ".")}
        if within and problem != self._problem_without_values():
            found = ", ".join(f"{key}: {value!r}" for key, value in within.items())
            message = f"{text} (in arm {self.name}, {found})"
            return self.sources.error(("space", list(within)[-1]), message, tuple(within))
        # What clashes within a section is told of the section, with the key in front.
        key, _, told = text.removeprefix(": ").partition(": ")
        if told and key_tree.is_known(f"{section}.{key}"):
            path, text = (*path, key), f": {told}"
        return self.sources.error(self.where(path, values), text, (section,))

    def _problem_without_values(self) -> tuple[tuple[str | int, ...], str] | None:
        """What is wrong before any searched value is set; nothing, mostly."""
        try:
            TrialConfig.model_validate(self.tree)
        except ValidationError as error:
            return first_problem(error, self.tree, TrialConfig, "trial.")
        return None


@contextmanager
def at_its_line(arm: Arm, values: dict[str, Any] | None = None) -> Iterator[None]:
    """Put the line of the study file before an error about a key of the trial."""
    try:
        yield
    except UserError as error:
        if error.key is None or not key_tree.is_known(error.key):
            raise
        path = arm.where(error.key.split("."), values)
        raise error.retold(str(arm.sources.error(path, f": {error.text}"))) from None
