"""The `prune:` section of a trial: which units go, how many, when, and how they are shrunk first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Ratio = Annotated[float, Field(ge=0.0, lt=1.0)]
Kept = Annotated[float, Field(gt=0.0, le=1.0)]


class PruneSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ScheduleConfig(PruneSection):
    """How much of each kind is kept after each of the pruning events 1..`states`."""

    kind: Literal["geometric", "linear", "cubic", "one_shot", "custom"] = "geometric"
    states: int = Field(5, ge=0)
    """Pruning events K after the dense state 0."""
    head_ratio: Ratio = 0.5
    """Final share of attention heads removed."""
    neuron_ratio: Ratio = 0.5
    """Final share of MLP neurons removed."""
    channel_ratio: Ratio = 0.5
    """Final share of inner convolution channels removed."""
    kept: tuple[Kept, ...] | None = None
    """For `custom`: the kept fraction after each event, for every kind; must not rise."""
    rate_per_state: Ratio | None = None
    """Remove this share of what is left at every event, instead of the ratios: kept (1-r)^s."""
    macs_target: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Share of the dense network's MACs to end at; scales the ratios to meet it."""

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
        if self.macs_target is not None and (self.kept is not None or self.rate_per_state is not None):
            raise ValueError("macs_target scales the ratios; it goes with neither `kept` nor `rate_per_state`")
        return self

    def ratio_of(self, kind: str) -> float:
        """The final removed fraction of a kind of unit: head, neuron or channel."""
        return {"head": self.head_ratio, "neuron": self.neuron_ratio, "channel": self.channel_ratio}[kind]


class RsstConfig(PruneSection):
    """RSST's growing penalty; strength is `shrink` (default 1e-3) or `lambda_max`, never both."""

    curve: Literal["x", "x^2", "x^3", "exp", "exp_custom", "exp_custom_exponents"] = "x"
    exponent: float = Field(2.0, gt=0)
    """p of `exp_custom_exponents`."""
    shrink: Annotated[float, Field(gt=0, lt=1)] | None = None
    """What the penalty alone leaves of the dropped weights by the end of the ramp."""
    lambda_max: Annotated[float, Field(gt=0)] | None = None
    coupling: Literal["decoupled", "gradient"] = "decoupled"
    ramp: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the state's steps over which the penalty grows."""
    hold: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the state's steps it then stays at full strength, before removal; the rest recovers."""

    @model_validator(mode="after")
    def _one_strength(self) -> Self:
        if self.shrink is not None and self.lambda_max is not None:
            raise ValueError("give shrink or lambda_max, not both")
        if self.coupling == "gradient" and self.lambda_max is None:
            raise ValueError("coupling: gradient needs lambda_max; shrink is for the decoupled penalty")
        if self.ramp + self.hold > 1 + 1e-9:
            raise ValueError(f"ramp + hold must be at most 1, found {self.ramp + self.hold:g}")
        return self

    @property
    def effective_shrink(self) -> float | None:
        """The shrink in force: as given, or 1e-3 when no strength was given at all."""
        return 1e-3 if self.shrink is None and self.lambda_max is None else self.shrink


class ScratchConfig(PruneSection):
    """The `scratch` control: a named arm's final structure, trained from random weights."""

    arm: str | None = None
    """The arm of the study whose best trial gives the structure."""
    file: Path | None = None
    """The state file that gives the structure; a study fills it in from `arm`."""
    match: Literal["epochs", "macs"] = "epochs"
    """Train for the same number of epochs, or for the same training MACs."""


class RewindEpoch(PruneSection):
    epoch: int = Field(ge=0)
    """Epochs of state 0 after which the weights to return to were taken; 0 is `init`."""


Criterion = Literal["magnitude", "l2", "activation_l1", "activation_l2", "taylor", "fisher", "remain", "random"]


class PruneConfig(PruneSection):
    method: Literal["refill", "rsst", "dense", "random", "one_shot", "scratch", "imp"] = "refill"
    target: Literal["head", "mlp", "both", "channel"] = "both"
    criterion: Criterion = "magnitude"
    normalize: Literal["none", "mean", "max", "lamp"] = "none"
    scope: Literal["layerwise", "global"] = "global"
    min_kept: int = Field(1, ge=0)
    """Units that every group keeps."""
    calibration_batches: int = Field(4, ge=1)
    """Training batches, without augmentation, that activations and gradients are taken on."""
    widths: Literal["budget", "imp"] = "budget"
    fillback_rate: Ratio = 0.0
    """For `widths: imp`: share of the removed units that are kept after all (Refill+)."""
    rewind: Literal["continue", "init"] | RewindEpoch = "continue"
    schedule: ScheduleConfig = ScheduleConfig()
    rsst: RsstConfig = RsstConfig()
    scratch: ScratchConfig = ScratchConfig()

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        if self.widths == "imp" and self.schedule.macs_target is not None:
            raise ValueError("widths: imp takes its widths from weight magnitudes; it cannot meet a macs_target too")
        return self
