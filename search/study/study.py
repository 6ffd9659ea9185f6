"""A study: what all trials share, the arms that patch it, the space that is searched, and how.

Read from one YAML file (`load_study`), fully checked as far as that needs no network, no data and no weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from models.errors import UserError
from models.names import nearest, suggestion
from pruning.catalogue import traits_of
from search.config_file import key_tree, yaml_file
from search.config_file.mistakes import Sources, first_problem, wrong_boolean
from search.space.space import Space, defaults
from search.study.sections import (
    CompareConfig,
    ResourcesConfig,
    RetentionConfig,
    SchedulerConfig,
    SearchConfig,
)
from trainables.config.trial import TrialConfig

ARM_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]*$")


@dataclass(frozen=True)
class Study:
    """`trial` and the arms' patches are as the file has them (patches with dotted keys); the rest is validated.

    A file without `arms` has the single arm `trial`. Two studies are equal when they ask for the same.
    """

    name: str
    trial: dict[str, Any]
    arms: dict[str, dict[str, Any]]
    space: Space = field(default_factory=Space)
    search: SearchConfig = SearchConfig()
    scheduler: SchedulerConfig = SchedulerConfig()
    resources: ResourcesConfig = ResourcesConfig()
    compare: CompareConfig = CompareConfig()
    retention: RetentionConfig = RetentionConfig()
    searched_keys: tuple[str, ...] = ()
    """In the file's order; the space's own order follows its conditions."""
    sources: Sources = field(default=Sources("study"), compare=False, repr=False)

    def trial_config(self, arm: str, values: Mapping[str, Any] | None = None, seed: int | None = None) -> TrialConfig:
        """The complete configuration of one trial: the arm's patch, then searched `values`, then `seed`.

        UserError, naming the line, where that is not a valid configuration.
        """
        values = values or {}
        tree = key_tree.with_keys(self.tree(arm), values)
        if seed is not None:
            tree["seed"] = seed
        try:
            config = TrialConfig.model_validate(tree)
        except ValidationError as error:
            raise self._mistake(arm, tree, values, error) from None
        wrong = wrong_boolean(tree, config.model_dump())
        if wrong is not None:
            given = str(key_tree.get(tree, yaml_file.dotted(wrong))).lower()
            raise self.sources.error(self.path_of(arm, wrong, values), f": a number is expected, found {given}")
        return config

    def _mistake(
        self, arm: str, tree: Mapping[str, Any], values: Mapping[str, Any], error: ValidationError
    ) -> UserError:
        """The validation's error at its line; where values clash with each other, at the last of them."""
        problem = first_problem(error, tree, TrialConfig)
        section = yaml_file.dotted(problem.path)
        within = {key: value for key, value in values.items() if not section or key.startswith(section + ".")}
        if within and problem.text not in str(self._error_without_values(arm, problem.path)):
            found = ", ".join(f"{key}: {value!r}" for key, value in within.items())
            return self.sources.error(("space", list(within)[-1]), f"{problem.text} (in arm {arm}, {found})")
        text = _with_prefix(problem.text) if problem.is_unknown_key else problem.text
        return self.sources.error(self.path_of(arm, problem.path, values), text)

    def _error_without_values(self, arm: str, path: Sequence[str | int]) -> str:
        """What is wrong at the path before any searched value is set; nothing, mostly."""
        tree = self.tree(arm)
        try:
            TrialConfig.model_validate(tree)
        except ValidationError as error:
            problem = first_problem(error, tree, TrialConfig)
            return problem.text if problem.path == tuple(path) else ""
        return ""

    def tree(self, arm: str) -> dict[str, Any]:
        """The arm's configuration as the file has it, without searched values. UserError for an unknown arm."""
        if arm not in self.arms:
            raise UserError(f"{arm!r} is no arm of study {self.name} ({', '.join(self.arms)}){_near(arm, self.arms)}")
        return key_tree.with_keys(self.trial, self.arms[arm])

    def control_arms(self) -> tuple[str, ...]:
        """The arms whose method is a control."""
        return tuple(arm for arm in self.arms if traits_of(self.method(arm)).is_control)

    def method(self, arm: str) -> str | None:
        """An arm's pruning method; None where it is searched."""
        if any(key_tree.overlap("prune.method", key) for one in self.space.for_arm(arm) for key in one.sets()):
            return None
        found = key_tree.get(self.tree(arm), "prune.method")
        return str(defaults()["prune"]["method"] if found is key_tree.ABSENT else found)

    def enqueued(self, arm: str) -> tuple[dict[str, Any], ...]:
        """The arm's configurations to run first; keys that it does not search are left out of them."""
        keys = {parameter.key for parameter in self.space.for_arm(arm)}
        chosen = (entry for entry in self.search.enqueue if arm in entry.get("arms", self.arms))
        return tuple({key: value for key, value in entry.items() if key in keys} for entry in chosen)

    def path_of(
        self, arm: str, path: Sequence[str | int], values: Mapping[str, Any] | None = None
    ) -> tuple[str | int, ...]:
        """Where in the study a path within a trial's configuration is decided: in the space, the arm or the trial."""
        key = yaml_file.dotted(tuple(path))
        for searched in values or {}:
            if key_tree.overlap(key, searched) and len(key) >= len(searched):
                return ("space", searched)
        for patched in self.arms.get(arm, {}):
            if key and key_tree.overlap(key, patched):
                return ("arms", arm, *(path if len(key) >= len(patched) else (patched,)))
        return ("trial", *path)

    def to_yaml(self) -> str:
        """The whole request, defaults of all sections but `trial` filled in; `load_study` reads it back equal."""
        return yaml_file.dump(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "name": self.name,
            "trial": self.trial,
            "arms": self.arms,
            "space": {key: self._spec(key) for key in self.searched_keys},
            "search": self.search.model_dump(mode="json"),
            "scheduler": self.scheduler.model_dump(mode="json"),
            "resources": self.resources.model_dump(mode="json"),
            "compare": self.compare.model_dump(mode="json"),
            "retention": self.retention.model_dump(mode="json"),
        }

    def _spec(self, key: str) -> Any:
        alternatives = sorted((one for one in self.space.parameters if one.key == key), key=lambda one: one.alternative)
        specs = [one.spec() for one in alternatives]
        return specs[0] if len(specs) == 1 else specs


def _with_prefix(text: str) -> str:
    """The suggestion of a trial's key, as the study file would name it."""
    return text.replace("the nearest is ", "the nearest is trial.")


def _near(name: str, known: Mapping[str, Any]) -> str:
    return suggestion(nearest(name, known))
