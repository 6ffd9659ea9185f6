"""The `prune:` section of a trial: which units go, how many, when, and how they are shrunk first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from models.local_path import LocalPath
from models.section import OneOf, Section, described
from models.units.structure import KINDS, Kind
from pruning.catalogue import (
    CRITERIA,
    DEFAULT_CRITERION,
    DEFAULT_METHOD,
    METHODS,
    CriterionTraits,
    MethodTraits,
    RsstConfig,
    traits_of,
)
from pruning.macs_target import scaled_kept, scaled_ratio
from pruning.schedules import SCHEDULES, kept_fraction
from trainables.config.target import TargetField, check_target_is_judged

Ratio = Annotated[float, Field(ge=0.0, lt=1.0)]
Kept = Annotated[float, Field(gt=0.0, le=1.0)]
CALIBRATION_BATCH = 64
MOST_STATES = 1000
"""Each has an epoch, a network on the disk and a line in the record at least."""
RATIO_KEYS: dict[Kind, str] = {
    "head": "head_ratio",
    "neuron": "neuron_ratio",
    "token_neuron": "token_ratio",
    "channel": "channel_ratio",
    "embed": "embed_ratio",
    "qk": "qk_ratio",
    "branch": "branch_ratio",
    "interaction": "interaction_ratio",
}
"""The key of `schedule` that says how much of a kind is removed in the end."""


def _a_floor(value: float) -> float:
    if value < 0 or (value >= 1 and value != int(value)):
        raise ValueError(f"a count of units or a share of them between 0 and 1 is expected, found {value:g}")
    return value if 0 < value < 1 else int(value)


class ScheduleConfig(Section):
    """How much of each kind is kept after each pruning event.

    Events are counted 1..`states`.
    """

    kind: Annotated[str, OneOf(SCHEDULES)] = "geometric"
    """How the kept fraction falls, or a schedule [of one's own](extending.md)."""
    states: int = Field(5, ge=0, le=MOST_STATES)
    """Pruning events K after the dense state 0."""
    head_ratio: Ratio = 0.5
    """Final share of attention heads removed."""
    neuron_ratio: Ratio = 0.5
    """Final share of MLP neurons removed."""
    token_ratio: Ratio = 0.5
    """Final share of token-mixing neurons removed."""
    channel_ratio: Ratio = 0.5
    """Final share of inner convolution channels removed."""
    embed_ratio: Ratio = 0.5
    """Final share of embedding channels removed: the width of the residual stream."""
    qk_ratio: Ratio = 0.5
    """Final share of query-key dimensions within heads removed."""
    branch_ratio: Ratio = 0.5
    """Final share of whole attention and MLP branches removed."""
    interaction_ratio: Ratio = 0.5
    """Final share of TwistNet's interaction heads removed."""
    kept: tuple[Kept, ...] | None = None
    """For `custom`: the kept fraction after each event, for every kind; must not rise. With `macs_target` their course
    counts and not their height: each is raised to the power that ends at the target."""
    rate_per_state: Ratio | None = None
    """Remove this share of what is left at every event, instead of the ratios: kept (1-r)^s."""
    macs_target: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Share of the dense network's MACs to end at; scales the ratios, or what `kept` lists, to meet it."""

    @model_validator(mode="after")
    def _custom_lists_every_state(self) -> Self:
        if (self.kind == "custom") != (self.kept is not None):
            raise ValueError("`kept` is given with kind: custom, and only then")
        if self.kept is not None:
            if len(self.kept) != self.states:
                raise ValueError(f"`kept` lists {len(self.kept)} fractions but states is {self.states}")
            if any(later > earlier for earlier, later in zip(self.kept, self.kept[1:], strict=False)):
                raise ValueError(f"`kept` must not rise, found {list(self.kept)}")
        if self.kept is not None and self.rate_per_state is not None:
            raise ValueError("give `kept` or `rate_per_state`, not both")
        if self.macs_target is not None and self.states == 0:
            raise ValueError("macs_target needs at least one pruning event, but states is 0")
        if self.macs_target is not None and self.rate_per_state is not None:
            raise ValueError(
                "give macs_target, which scales the ratios, or rate_per_state, which replaces them, not both"
            )
        return self

    def ratio_of(self, kind: Kind) -> float:
        """The final removed fraction of a kind of unit."""
        ratio: float = getattr(self, RATIO_KEYS[kind])
        return ratio

    def kept_fraction(self, kind: Kind, event: int, *, course: str | None = None, factor: float | None = None) -> float:
        """The share of a kind of unit that is kept after an event (0..`states`), in (0, 1].

        A method may have a `course` of its own, in place of how this schedule falls. `factor` scales the log of what is kept in
        the end, as `macs_target` needs.
        """
        ratio, listed = self.ratio_of(kind), self.kept
        if factor is not None:
            ratio = scaled_ratio(ratio, factor)
            listed = listed and tuple(scaled_kept(one, factor) for one in listed)
        return kept_fraction(
            course or self.kind, event, self.states, ratio, custom=listed, rate_per_state=self.rate_per_state
        )


class ScratchConfig(Section):
    """The `scratch` control.

    A named arm's final structure, trained from random weights.
    """

    arm: str | None = None
    """The arm of the study whose best trial gives the structure."""
    file: LocalPath | None = None
    """The state file that gives the structure; a study fills it in from `arm`."""
    match: Literal["epochs", "macs"] = "epochs"
    """Train for the same number of epochs, or for the same training MACs."""


class RewindEpoch(Section):
    epoch: int = Field(ge=0)
    """Epochs of state 0 after which the weights to return to were taken; 0 is `init`."""


class PruneConfig(Section):
    """Which units go, how many, when; see [methods.md](methods.md) for the formulas."""

    method: Annotated[str, OneOf(METHODS)] = DEFAULT_METHOD
    """`refill`, `rsst`, a control, or a method [of one's own](extending.md)."""
    target: TargetField = "both"
    """The kinds of units that go: a list such as `[head, neuron, embed]`, in any order, or a word: `mlp` is `neuron`, `both`
    heads and neurons, `token_mlp` and `mixer` neurons of MLPs over tokens and of all MLPs of a mixer. The network must have
    every kind that is named ([networks.md](networks.md))."""
    criterion: Annotated[str, OneOf(CRITERIA)] = DEFAULT_CRITERION
    """How units are scored; the lowest go. Also a criterion [of one's own](extending.md)."""
    normalize: Literal["auto", "none", "mean", "max", "lamp", "shape"] = "auto"
    """How scores of different groups are made comparable under `scope: global`. `auto`: `mean`, or `none` for `taylor`,
    `taylor_group`, `fisher`, `obs`, `reconstruction` and `random`."""
    score: Literal["per_unit", "per_mac"] = "per_unit"
    """Under `scope: global`, rank units by their score, or by their score for each multiply-accumulate that removing one saves:
    for a `macs_target`, where layers cost differently."""
    scope: Literal["layerwise", "global"] = "global"
    """Rank units within each group, or over all groups of a kind; kinds are never ranked together."""
    min_kept: Annotated[int | float, AfterValidator(_a_floor), described("whole number ≥ 0, or number in (0, 1)")] = 1
    """Units that every group keeps: a count, or a share of the group such as 0.1, rounded up."""
    round_to: int = Field(1, ge=1)
    """Neurons, channels, embedding channels and query-key dimensions of a group are kept at the nearest multiple of this that
    is not below `min_kept`, such as 8, which hardware likes; heads of either sort and branches are not rounded."""
    compensate: Literal["none", "mean", "least_squares"] = "none"
    """Repair at removal, for every method alike: what reads the units that go is set on the calibration images so that its
    output stays what it was, by `least_squares` or its bias alone by their `mean`. BatchNorm's statistics follow."""
    calibration_images: Annotated[int | None, described("whole number ≥ 1")] = Field(256, ge=1)
    """Training images, without augmentation, that activations and gradients are taken on: the same whatever the batch size."""
    calibration_batches: Annotated[int | None, described("whole number ≥ 1 or null")] = Field(None, ge=1)
    """As files of version 0.1.0 have it: so many batches of `train.batch_size` in place of `calibration_images`; warns."""
    widths: Literal["budget", "imp"] = "budget"
    """Take widths from the kept fraction, or from a global magnitude mask (Refill as published)."""
    fillback_rate: Ratio = 0.0
    """For `widths: imp`: share of the removed units that are kept after all (Refill+)."""
    rewind: Annotated[Literal["continue", "init"] | RewindEpoch, described("`continue`, `init`, `{epoch: e}`")] = (
        "continue"
    )
    """What survivors are set to before a state: left as trained, the initial weights, or `{epoch: e}`."""
    schedule: ScheduleConfig = ScheduleConfig()
    rsst: RsstConfig = RsstConfig()
    scratch: ScratchConfig = ScratchConfig()

    @model_validator(mode="before")
    @classmethod
    def _one_way_to_count_calibration(cls, given: Any) -> Any:
        """The older key replaces the newer one's default, and both are written out, so that what is recorded reads back."""
        if not isinstance(given, Mapping) or given.get("calibration_batches") is None:
            return given
        if given.get("calibration_images") is not None:
            raise ValueError("give calibration_images or calibration_batches, which is older, not both")
        return {**given, "calibration_images": None}

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if self.calibration_images is None and self.calibration_batches is None:
            raise ValueError("calibration_images: found null, expected a whole number of at least 1")
        if self.widths == "imp" and self.schedule.macs_target is not None:
            raise ValueError("widths: imp takes its widths from weight magnitudes; it cannot meet a macs_target too")
        # A user's own is asked before a trial is to run, and not where a record is read.
        criterion = CRITERIA.built_in.get(
            self.criterion_in_force, CriterionTraits(self.criterion_in_force, "", judges=KINDS)
        )
        check_target_is_judged(self.target, self.traits, criterion, self.widths, self.compensate)
        return self

    def calibration(self, batch_size: int) -> tuple[int, int]:
        """How many calibration images, and how many of them at a time, under a training batch size.

        Scores depend on the images and not on how they are batched, but for rounding; batches fit where training does.
        """
        if self.calibration_images is None:
            assert self.calibration_batches is not None, "one of the two is given"
            return self.calibration_batches * batch_size, batch_size
        return self.calibration_images, min(batch_size, CALIBRATION_BATCH)

    @property
    def ranks_per_mac(self) -> bool:
        """Whether what a unit saves has a part in its rank: units of one layer save alike, and masks give own widths."""
        return self.score == "per_mac" and self.scope == "global" and self.widths == "budget"

    @property
    def traits(self) -> MethodTraits:
        """What the method is."""
        return traits_of(self.method)

    @property
    def criterion_in_force(self) -> str:
        """The criterion's name; a method may have one of its own."""
        return self.traits.criterion or self.criterion

    @property
    def course_in_force(self) -> str:
        """The name of the schedule's kind; a method may have one of its own."""
        return self.traits.schedule or self.schedule.kind
