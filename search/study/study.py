"""A study: what all trials share, the arms that patch it, the space that is searched, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.names import nearest, suggestion
from search.config_file import yaml_file
from search.config_file.mistakes import Sources
from search.space.space import Space
from search.study.arm import Arm
from search.study.beside.logging_section import LoggingConfig
from search.study.searching.callbacks import Callbacks
from search.study.searching.scheduler import SchedulerConfig
from search.study.sections import CompareConfig, ResourcesConfig, RetentionConfig, SearchConfig
from trainables.config.found import FoundWeights

SETTINGS = ("search", "scheduler", "resources", "compare", "retention", "logging")
"""The sections beside `trial`, `arms` and `space`, all of whose keys have defaults."""


@dataclass(frozen=True)
class Study:
    """`trial` is as the file has it; the rest is validated. `load_study` makes one from a file.

    A file without `arms` has the single arm `trial`. Two studies are equal when they ask for the same.
    """

    name: str
    trial: dict[str, Any]
    arms: dict[str, Arm]
    """By name, in the file's order."""
    space: Space = field(default_factory=Space)
    dense_space: Space = field(default_factory=Space)
    """What `search.state0` searches before the arms (`dense_recipe.py`)."""
    search: SearchConfig = SearchConfig()
    scheduler: SchedulerConfig = SchedulerConfig()
    resources: ResourcesConfig = ResourcesConfig()
    compare: CompareConfig = CompareConfig()
    retention: RetentionConfig = RetentionConfig()
    logging: LoggingConfig = LoggingConfig()
    callbacks: Callbacks = ()
    searched_keys: tuple[str, ...] = ()
    """In the file's order; the space's own order follows its conditions."""
    former_defaults: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """Dotted key → the value that a begun run's trials have by default, where this version's default is another one."""
    dense_recipes: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)
    """What `search.state0` has found for each of the study's searches; the arms' trees have the first."""
    claim_by_default: bool = field(default=False, compare=False)
    """The file names no `compare.claim`; the study has the default one."""
    folder: Path | None = field(default=None, compare=False, repr=False)
    """Of the file that it was read from, where its own parts are looked for first; None of a run's."""
    sources: Sources = field(default=Sources("study"), compare=False, repr=False)

    def with_former_defaults(self, defaults: Mapping[str, Any]) -> Study:
        """The same study, asking for trials as an earlier version would have: these values in place of its defaults."""
        arms = {name: replace(arm, defaults=defaults) for name, arm in self.arms.items()}
        return replace(self, arms=arms, former_defaults=defaults)

    @property
    def found_weights(self) -> FoundWeights:
        """What was found for networks that leave their weights to be found; the same in all arms."""
        return next((arm.found for arm in self.arms.values()), {})

    def with_found_weights(self, found: FoundWeights) -> Study:
        """The same study, whose trials start from these."""
        return replace(self, arms={name: replace(arm, found=found) for name, arm in self.arms.items()})

    def arm(self, name: str) -> Arm:
        """The arm of that name; UserError, with the nearest, where there is none."""
        if name in self.arms:
            return self.arms[name]
        raise UserError(
            f"{name!r} is no arm of study {self.name} ({', '.join(self.arms)}){suggestion(nearest(name, self.arms))}"
        )

    @property
    def rewind_epochs(self) -> tuple[int, ...]:
        """Of all arms: who trains a state 0 for others keeps the weights of these epochs for them."""
        return tuple(sorted({epoch for arm in self.arms.values() for epoch in arm.rewind_epochs}))

    def control_arms(self) -> tuple[str, ...]:
        """The arms whose method is a control."""
        return tuple(name for name, arm in self.arms.items() if arm.traits.is_control)

    def enqueued(self, arm: str) -> tuple[dict[str, Any], ...]:
        """An arm's configurations to run first; keys that it does not search are left out of them."""
        keys = self.arms[arm].searched_keys
        chosen = (entry for entry in self.search.enqueue if arm in entry.get("arms", self.arms))
        return tuple({key: value for key, value in entry.items() if key in keys} for entry in chosen)

    def with_resources(self, **given: Any) -> Study:
        """The study with these keys of `resources` in place of its own; None leaves one as it is."""
        update = {key: value for key, value in given.items() if value is not None}
        return replace(self, resources=self.resources.model_copy(update=update))

    def to_yaml(self) -> str:
        """The whole request, defaults of all sections but `trial` filled in; `load_study` reads it back equal."""
        return yaml_file.dump(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The same as plain data."""
        return {
            "name": self.name,
            "trial": self.trial,
            "arms": {name: arm.patch for name, arm in self.arms.items()},
            "space": {key: self._spec(key) for key in self.searched_keys},
            **{section: getattr(self, section).model_dump(mode="json") for section in SETTINGS},
            **({"callbacks": [one.written() for one in self.callbacks]} if self.callbacks else {}),
        }

    def _spec(self, key: str) -> Any:
        searched = (*self.space.parameters, *self.dense_space.parameters)
        alternatives = sorted((one for one in searched if one.key == key), key=lambda one: one.alternative)
        specs = [one.spec() for one in alternatives]
        return specs[0] if len(specs) == 1 else specs
