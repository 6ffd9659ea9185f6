"""The sections of a study file beside `trial`, `arms` and `space`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from models.local_path import LocalPath
from models.section import OneOf, Section, described
from search.space.parameter import Relative, listed
from search.study.beside.logging_section import LoggingConfig
from search.study.objectives import Constraints, Metric, Objective, Objectives, one_or_many
from search.study.searching.algorithms import ALGORITHMS, DEFAULT_ALGORITHM
from search.study.searching.callbacks import Callbacks
from search.study.searching.scheduler import SchedulerConfig

Seed = Annotated[int, Field(ge=0)]


def _distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"a seed is given twice in {list(seeds)}")
    return seeds


Seeds = Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(_distinct)]


class ConfirmConfig(Section):
    """The confirm phase: each arm's validation-chosen configuration, on fresh seeds common to all arms."""

    seeds: Seeds


class State0Search(Section):
    """The dense recipe is searched before the arms: the keys of the space in `train.state0`, by validation accuracy at the end
    of state 0. All arms begin with the best; under `search.replicates` each search finds its own."""

    trials: int = Field(ge=1)
    """Configurations of state 0."""


class SearchConfig(Section):
    """How the space is searched. Every arm gets the same number of configurations and the same seeds."""

    algorithm: Annotated[str, OneOf(ALGORITHMS)] = DEFAULT_ALGORITHM
    """How configurations are proposed, or an Optuna sampler [of one's own](own-search.md#a-sampler)."""
    algorithm_args: dict[str, Any] = Field(default_factory=dict)
    """What a sampler of one's own is made with, by name, beside its seed."""
    seed: Seed = 0
    """Of the sampler; a trial's own seed is `trial.seed` or one of `seeds`."""
    trials_per_arm: int = Field(10, ge=1)
    """Configurations per arm, the same for each; a grid runs all its points when this is not given."""
    objective: Annotated[Objectives, described("a metric, or several", default="val_accuracy")] = (
        Objective(metric="val_accuracy", direction="max"),
    )
    """A metric, `{metric: val_accuracy, at: 60}` for its value at that removal, or several:
    `{val_accuracy: max, macs: min}`. Metrics: val_accuracy, val_loss, macs, params, removed_percent, and latency_ms where
    `measure.latency` is on."""
    choose: Metric | None = None
    """With several objectives, the one whose best point of their Pareto front is the winner, which is confirmed and exported;
    default: the first."""
    constraints: Annotated[Constraints, described("list of texts")] = ()
    """Such as `macs <= 0.3` (a share of the dense network's) or `params <= 5M`."""
    seeds: Seeds | None = None
    """Run every configuration on each of these; default: `trial.seed` alone."""
    pairing: Literal["independent", "shared"] = "independent"
    """`shared`: keys common to all arms are sampled once and given to every arm."""
    enqueue: Annotated[tuple[dict[Relative, Any], ...], described("list of configurations")] = ()
    """Configurations to run first: dotted keys of the space, and `arms: [...]` where not for all."""
    warm_start: LocalPath | None = None
    """The folder of an earlier run to learn from."""
    confirm: Annotated[ConfirmConfig | None, described("`{seeds: [...]}` or null")] = None
    """`{seeds: [...]}`: run what validation chose again on these fresh seeds, to the end; under `compare.claim: pooled` every
    arm at each arm's choice of the keys they share."""
    state0: Annotated[State0Search | None, described("`{trials: N}` or null")] = None
    """`{trials: N}`: find the dense recipe first. The keys of the space in `train.state0` are searched once, in N trials of
    state 0 alone, and all arms begin with the best by validation; without it they are searched like any other key."""
    replicates: int = Field(1, ge=1, le=1000)
    """Independent searches of every arm, each with its own search, split and training seeds and each confirmed by itself: what
    `compare.claim: tuned` rests on."""

    @model_validator(mode="after")
    def _args_are_of_ones_own(self) -> Self:
        if self.algorithm_args and not ALGORITHMS.is_own(self.algorithm):
            raise ValueError(f"algorithm_args are for a sampler of one's own, and {self.algorithm} is not")
        return self

    @property
    def objectives_by_choice(self) -> tuple[Objective, ...]:
        """The objectives, first the one that `choose` names."""
        return tuple(sorted(self.objective, key=lambda one: self.choose not in (None, one.metric)))


DURATION = re.compile(r"^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")


def read_duration(value: Any) -> Any:
    """`2h30m`, `90s`, `1d` → seconds; numbers are seconds already."""
    if not isinstance(value, str):
        return value
    match = DURATION.match(value.strip().lower())
    if match is None or not any(match.groups()):
        raise ValueError(f"a duration is written like 2h30m, 45m or 90s, found {value!r}")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


class ResourcesConfig(Section):
    """What each trial is given, and where and for how long the study runs."""

    cpus_per_trial: int = Field(1, ge=1)
    """Processors of each trial."""
    gpus_per_trial: Literal["auto"] | Annotated[float, Field(ge=0)] = "auto"
    """`auto`: a share of the GPUs that are there, none where there are none. Before trials share one, a trial of each arm's
    largest is measured, and no more of them share it than fit in nine tenths of its memory, four at most."""
    max_concurrent: int | None = Field(None, ge=1)
    """Trials at once, at most."""
    time_budget: Annotated[
        Annotated[float, Field(gt=0), BeforeValidator(read_duration)] | None,
        described("seconds, or text such as `2h30m`"),
    ] = None
    """Wall-clock seconds after which no further epoch starts; also `2h30m`."""
    address: str | None = None
    """Of a Ray cluster: `HOST:PORT`, `auto`, or `local` for a Ray of its own; default: `RAY_ADDRESS`, else `local`."""
    checkpoint_seconds: float = Field(30.0, ge=0)
    """A checkpoint is written after so many seconds, within an epoch too (0: at each epoch's end alone), and at every state's
    end: what a trial that is killed trains again, at most. Within epochs more seldom where it would take over 2 % of the
    time."""
    checkpoint_steps: int | None = Field(None, ge=1)
    """And after so many steps since the last one."""
    share: bool = True
    """Trials take over the states that another trial with the same beginning has trained; the numbers are the same."""
    stages: LocalPath | None = None
    """Folder of shared states, which several runs may use; default: `stages/` in the run's folder."""
    stages_gigabytes: float = Field(20.0, gt=0)
    """What shared states may take of the disk; those that were not used for longest go first."""

    @model_validator(mode="after")
    def _whole_gpus_above_one(self) -> Self:
        gpus = self.gpus_per_trial
        if isinstance(gpus, float) and gpus > 1 and gpus != int(gpus):
            raise ValueError(f"gpus_per_trial above 1 must be a whole number, found {gpus:g}")
        return self


class Level(Section):
    """Where arms are compared: at a removed_percent, or at a share of the dense network's MACs."""

    axis: Literal["removed_percent", "macs"]
    value: float = Field(ge=0)

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        """A number alone is a removed_percent."""
        return value if isinstance(value, Mapping | cls) else {"axis": "removed_percent", "value": value}

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        highest = 100 if self.axis == "removed_percent" else 1
        if self.value > highest:
            raise ValueError(f"{self.axis} goes to {highest}, found {self.value:g}")
        return self

    @property
    def text(self) -> str:
        if self.axis == "removed_percent":
            return f"{self.value:.4g} % removed"
        return f"{100 * self.value:.4g} % of dense MACs"


Levels = Annotated[
    tuple[Level, ...],
    one_or_many("axis", lambda axis, value: [{"axis": axis, "value": one} for one in listed(value)]),
    BeforeValidator(lambda value: () if value is None else value),
]
"""60 (percent removed), `{removed_percent: 60}`, `{macs: 0.5}` or a list of these."""


Claim = Literal["pooled", "tuned", "average", "folds", "configurations"]


class CompareConfig(Section):
    """The comparison that will be claimed.

    Fixed before running: the primary family of tests.
    """

    claim: Claim | None = None
    """What the verdict speaks of. `pooled`: every arm under each arm's choice of the shared keys, "at these recipes".
    `tuned`: the arms as tuned with this budget, over `search.replicates`. `average`: over random recipes of the space, with
    nothing chosen. `folds`: over the folds of `data.fold`, with nothing chosen and the seeds of each averaged.
    `configurations`: the chosen configurations alone. Default: `tuned` with replicates; `folds` where a grid of `data.fold` is
    all that is searched; `pooled` where the arms search keys in common or nothing; else `configurations`."""
    metric: Literal["test_accuracy", "val_accuracy"] = "test_accuracy"
    """What is compared."""
    at: Annotated[Levels, described("a percentage, `{macs: share}`, or a list")] = ()
    """Default: each trial's last state."""
    baseline: str | None = None
    """The arm the others are compared with; default: the first whose networks get smaller."""
    against: Annotated[dict[str, str], described("arms, each with another")] = Field(default_factory=dict)
    """Arms that are compared with another one in its place: `{resnet18_rsst: resnet18_refill}`."""
    alpha: float = Field(0.05, gt=0, lt=1)
    """Significance level."""
    margin: float = Field(1.0, gt=0)
    """The smallest difference of interest, in percentage points."""
    seeds: Seeds | None = None
    """Seeds of the confirm phase, where `search.confirm` does not give them."""
    looks: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] | None = None
    """After how many confirm seeds the arms are compared, the last look at all of them: `[8, 16, 32]`. `sweep` stops at the
    first look that settles every contrast. Default: once, at the end."""

    def opponent_of(self, arm: str, baseline: str) -> str:
        """Whom an arm is compared with; `baseline` is whom arms are by default."""
        return self.against.get(arm, baseline)


class RetentionConfig(Section):
    """Which states' networks stay on the disk once a trial has ended. The record of every state always does, and a file
    that another trial of the study takes its structure from stays too.

    Checkpoints and predictions stay as well."""

    states: Literal["all", "front", "last"] = "all"
    """`all`: every state's. `front`: of a trial that has ended the last state, and each that no other of its arm beats
    in accuracy, MACs and parameters, so that everything on a Pareto front can be exported. `last`: the last state
    alone."""


class StudySections(Section):
    """Everything in a study file that pydantic can judge without knowing the arms."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    trial: dict[str, Any]
    arms: dict[str, dict[str, Any]] | None = None
    space: dict[str, Any] | None = None
    search: SearchConfig = SearchConfig()
    scheduler: SchedulerConfig = SchedulerConfig()
    resources: ResourcesConfig = ResourcesConfig()
    compare: CompareConfig = CompareConfig()
    retention: RetentionConfig = RetentionConfig()
    logging: LoggingConfig = LoggingConfig()
    callbacks: Callbacks = ()
    provenance: dict[str, Any] | None = None
    """Where an exported study came from and what it came to; for people, it changes nothing."""
