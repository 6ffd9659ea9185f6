"""The `train:` section of a trial: how each state trains, and how the dense state 0 does where that is another recipe."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from models.section import Section, described
from trainables.config.augment import AugmentConfig
from trainables.config.distill import DistillConfig

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
BelowOne = Annotated[float, Field(ge=0.0, lt=1.0)]
AtLeastNothing = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
Optimizer = Literal["sgd", "adamw"]

EPOCH_KEYS = ("epochs_per_state", "epochs_state0", "epochs_total", "epochs_rule", "first_event")
"""Keys of `train` that say how many epochs each state has, and nothing else of how it trains."""


class LearningRateSchedule(Section):
    """The learning rate within one state.

    It is set at every optimiser step.
    """

    kind: Literal["cosine", "multi_step", "constant"] = "cosine"
    """The curve after warm-up."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the state's steps over which the rate rises linearly from 0."""
    final: Fraction = 0.0
    """For `cosine`: the last rate as a share of `lr`."""
    milestones: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.5, 0.75)
    """For `multi_step`: the shares of the state's steps after which the rate is multiplied by `gamma`."""
    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """For `multi_step`: the factor at each milestone."""


class State0Config(Section):
    """A recipe of its own for the dense state 0. What is left out, or null, is the trial's own.

    With it a searched key of `train` acts on the states that remove something and not on the network they start from: every
    trial of a seed begins with the same dense network. The `scratch` control has no dense state, and does not use it.
    """

    lr: Positive | None = None
    """The peak learning rate."""
    epochs: Count | None = None
    """Epochs of state 0, in place of `train.epochs_state0`, the older way to say it. `train.epochs_total` is then divided over
    the states after state 0."""
    batch_size: Count | None = None
    """Images per step."""
    optimizer: Optimizer | None = None
    """The optimiser."""
    weight_decay: AtLeastNothing | None = None
    """Weight decay."""
    momentum: BelowOne | None = None
    """For `sgd`, with Nesterov's correction when above 0."""
    betas: tuple[BelowOne, BelowOne] | None = None
    """For `adamw`."""
    schedule: Annotated[LearningRateSchedule | None, described("section, as `train.schedule`, or null")] = None
    """Replaces `train.schedule` as a whole."""
    label_smoothing: BelowOne | None = None
    """Label smoothing."""
    clip_grad_norm: Annotated[Positive | Literal["never"] | None, described("number > 0, `never` or null")] = None
    """Gradients are scaled down to this norm, or never."""
    augment: Annotated[AugmentConfig | None, described("section, as `data.augment`, or null")] = None
    """Replaces `data.augment` as a whole."""

    def recipe(self) -> dict[str, Any]:
        """What it gives in place of the keys of `train` that have the same names."""
        given = {name: getattr(self, name) for name in State0Config.model_fields if name not in ("epochs", "augment")}
        said = {name: value for name, value in given.items() if value is not None}
        return said | {"clip_grad_norm": None} if self.clip_grad_norm == "never" else said


class TrainConfig(Section):
    """How each state trains. Optimiser and learning rate start afresh in every state."""

    optimizer: Optimizer = "adamw"
    """The optimiser."""
    lr: Positive = 1e-3
    """The peak learning rate."""
    weight_decay: AtLeastNothing = 0.05
    """Weight decay."""
    momentum: BelowOne = 0.9
    """For `sgd`, with Nesterov's correction when above 0."""
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.999)
    """For `adamw`."""
    batch_size: Count = 64
    """Images per step."""
    epochs_per_state: Count = 4
    """Epochs of each state."""
    epochs_state0: Count | None = None
    """Epochs of the dense state 0; default: `epochs_per_state`. Or `state0.epochs`."""
    epochs_total: Count | None = None
    """A budget for all states together, or with `state0.epochs` for all after state 0, divided by `epochs_rule`; replaces
    `epochs_per_state`."""
    epochs_rule: Literal["equal", "last_heavy", "first_heavy"] = "equal"
    """How `epochs_total` is divided: equally, or in proportion to 1, 2, 3… rising or falling over the states."""
    first_event: BelowOne | None = None
    """When the first event comes: the share of `epochs_total` that is trained before it, in state 0, or where
    `state0.epochs` fixes that, in a dense state after it; the rest is divided over the events. Default: state 0 as
    `epochs_rule` has it, or no such state."""
    schedule: LearningRateSchedule = LearningRateSchedule()
    label_smoothing: BelowOne = 0.0
    """Label smoothing."""
    clip_grad_norm: Positive | None = 1.0
    """Gradients are scaled down to this norm; null: never."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """`auto`: bfloat16 where the GPU has it, float16 with loss scaling on older GPUs, float32 on CPUs. States' ends are
    judged in float32."""
    distill: DistillConfig = DistillConfig()
    state0: State0Config = State0Config()
    device: str = "auto"
    """`auto` (a GPU where one is visible), `cpu`, `cuda` or `cuda:N`."""
    graph: Literal["auto", "never", "always"] = "auto"
    """On a GPU, whether a training step is recorded once for each network, as a CUDA graph, and replayed: `auto` where the
    steps that are left repay it. A recording is used only where it has been checked against an eager step; the record says
    so. On a CPU `auto` and `never` are the same, and `always` is an error."""
    threads: Count = 1
    """Torch's threads on a CPU."""
    diverged_loss: Positive = 1e4
    """A training loss above this, or one that is not finite, ends the trial as diverged."""
