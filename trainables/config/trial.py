"""One trial's configuration: what a study's `trial:` section holds, with an arm's patch and searched values applied.

Unknown keys are errors. Fractions are in [0, 1] unless said otherwise; epochs and states are counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from models.section import Section, described
from trainables.config.prune import PruneConfig, RewindEpoch

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
BelowOne = Annotated[float, Field(ge=0.0, lt=1.0)]


class InitConfig(Section):
    """Initial weights; see [weights.md](weights.md) for what is refused and why.

    `pretrained` must be proven; nothing falls back to random weights.
    """

    source: Literal["pretrained", "path", "random"]
    """`pretrained` must be proven; `path` may run unproven; `random` is drawn from the seed."""
    tag: str | None = None
    """For `pretrained`: `timm:NAME.TAG` or `weights:NAME`; default: the architecture's own."""
    path: Path | None = None
    """For `path`: a safetensors or PyTorch file."""

    @model_validator(mode="after")
    def _path_matches_source(self) -> Self:
        if self.source == "path" and self.path is None:
            raise ValueError("source: path needs a path")
        if self.source == "random" and (self.path is not None or self.tag is not None):
            raise ValueError("source: random takes neither path nor tag")
        return self


class ModelConfig(Section):
    """The network and where its weights come from."""

    arch: str
    """`vit_micro`, `vit_tiny`, `vit_small`, `vit_base`, `twistnet18`, or `timm:NAME` for any timm model."""
    init: InitConfig
    patch_size: int | None = Field(None, ge=1)
    """In pixels; default: the architecture's own for the data's image size."""
    args: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of the network's builder, such as `drop_path_rate`."""


class AugmentConfig(Section):
    """What is done to training images, in this order.

    0, null or false leaves a step out.
    """

    crop_padding: int = Field(0, ge=0)
    """Random crop after padding by so many pixels."""
    flip: bool = False
    """Mirror left to right with probability one half."""
    rand_augment: str | None = None
    """timm's notation, such as `rand-m9-mstd0.5-inc1`."""
    random_resized_crop: Annotated[float, Field(gt=0, le=1)] | None = None
    """Comes before all others. The smallest share of the image's area that a random crop keeps (large images only)."""
    mixup: float = Field(0.0, ge=0)
    """Alpha of mixup's Beta distribution (Zhang et al. 2018)."""
    cutmix: float = Field(0.0, ge=0)
    """Alpha of cutmix's Beta distribution (Yun et al. 2019)."""


DatasetName = Literal["digits", "fashion_mnist", "cifar10", "cifar100", "image_folder", "dtd"]


class DataConfig(Section):
    """The images. A validation part is held out to choose by; the test split is apart from both."""

    name: DatasetName
    """Which data set."""
    root: Path | None = None
    """Where the files are, or are downloaded to; default: `$PRUNETUNE_DATA`, else `~/.cache/prunetune/data`."""
    image_size: int | None = Field(None, ge=4)
    """Side in pixels that images are resized to; default: the data's own."""
    val_fraction: float = Field(0.1, gt=0, lt=1)
    """Share of the training images held out, stratified by class, to choose by; where there is no validation part already."""
    test_fraction: Annotated[BelowOne | None, described("number ≥ 0, < 1 or null")] = None
    """Share of the images held out, stratified by class, as the test split, where the data has none of its own; 0: no test
    split, so that nothing but validation is reported. Default: 0.2, but for an `image_folder` with `val/` and no `test/`,
    whose `val/` is the test. Given there, `val/` stays the validation part."""
    split_seed: int = Field(0, ge=0)
    """Fixes the validation split, and the test split where the data has none of its own."""
    fold: int = Field(1, ge=1, le=10)
    """For `dtd`: which of its ten folds."""
    train_limit: int | None = Field(None, ge=1)
    """Use only so many training images, stratified by class; for quick looks."""
    augment: AugmentConfig = AugmentConfig()
    workers: int = Field(2, ge=0)
    """Loader processes, for data too large to live on the training device."""


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


class DistillConfig(Section):
    """Distillation from the trial's own dense network at the end of state 0.

    Hinton et al. 2015.
    """

    weight: Fraction = 0.0
    """Share of the loss that comes from the teacher; 0 switches it off."""
    temperature: float = Field(4.0, gt=0)
    """Softens both networks' outputs."""


class TrainConfig(Section):
    """How each state trains. Optimiser and learning rate start afresh in every state."""

    optimizer: Literal["sgd", "adamw"] = "adamw"
    """The optimiser."""
    lr: float = Field(1e-3, gt=0)
    """The peak learning rate."""
    weight_decay: float = Field(0.05, ge=0)
    """Weight decay."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """For `sgd`, with Nesterov's correction when above 0."""
    betas: tuple[BelowOne, BelowOne] = (0.9, 0.999)
    """For `adamw`."""
    batch_size: int = Field(64, ge=1)
    """Images per step."""
    epochs_per_state: int = Field(4, ge=1)
    """Epochs of each state."""
    epochs_state0: int | None = Field(None, ge=1)
    """Epochs of the dense state 0; default: `epochs_per_state`."""
    epochs_total: int | None = Field(None, ge=1)
    """A budget for all states together, divided by `epochs_rule`; replaces `epochs_per_state`."""
    epochs_rule: Literal["equal", "last_heavy", "first_heavy"] = "equal"
    """How `epochs_total` is divided: equally, or in proportion to 1, 2, 3… rising or falling over the states."""
    schedule: LearningRateSchedule = LearningRateSchedule()
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Label smoothing."""
    clip_grad_norm: float | None = Field(1.0, gt=0)
    """Gradients are scaled down to this norm; null: never."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """`auto`: bfloat16 where the GPU has it, float16 with loss scaling on older GPUs, float32 on CPUs. States' ends are
    judged in float32."""
    distill: DistillConfig = DistillConfig()
    device: str = "auto"
    """`auto` (a GPU where one is visible), `cpu`, `cuda` or `cuda:N`."""
    threads: int = Field(1, ge=1)
    """Torch's threads on a CPU."""
    diverged_loss: float = Field(1e4, gt=0)
    """A training loss above this, or one that is not finite, ends the trial as diverged."""


class MeasureConfig(Section):
    """What is measured at every state's end besides accuracy, parameters and multiply-accumulates."""

    latency: bool = False
    """Median milliseconds of a forward pass on the trial's device. Trials that share a machine disturb each other: search by
    it with `resources.max_concurrent: 1`, or on GPUs of their own."""
    latency_batch: int = Field(1, ge=1)
    """Images in that forward pass."""


class TrialConfig(Section):
    """Everything one trial is made of. With its seed it determines the result."""

    model: ModelConfig
    data: DataConfig
    train: TrainConfig = TrainConfig()
    prune: PruneConfig = PruneConfig()
    measure: MeasureConfig = MeasureConfig()
    seed: int = Field(0, ge=0)
    """Initial head, batch order, augmentation and random selection; the data split has its own seed."""

    @property
    def states(self) -> int:
        """Number of pruning events K; a trial has the states 0..K."""
        return self.prune.schedule.states

    def epochs_of_states(self) -> tuple[int, ...]:
        """Epochs of each of the states 0..K."""
        train, states = self.train, self.states + 1
        if train.epochs_total is not None:
            return divide_epochs(train.epochs_total, states, train.epochs_rule)
        first = train.epochs_state0 or train.epochs_per_state
        return (first, *[train.epochs_per_state] * (states - 1))

    @model_validator(mode="after")
    def _one_way_to_count_epochs(self) -> Self:
        if self.train.epochs_total is not None and self.train.epochs_state0 is not None:
            raise ValueError("train.epochs_total: divides all epochs by epochs_rule; leave train.epochs_state0 out")
        return self

    @model_validator(mode="after")
    def _epochs_reach_every_state(self) -> Self:
        if self.train.epochs_total is not None and self.train.epochs_total < self.states + 1:
            raise ValueError(
                f"train.epochs_total: {self.train.epochs_total} epochs cannot give each of {self.states + 1} states one"
            )
        return self

    @model_validator(mode="after")
    def _rewind_point_is_reached(self) -> Self:
        rewind, first = self.prune.rewind, self.epochs_of_states()[0]
        if isinstance(rewind, RewindEpoch) and rewind.epoch > first:
            raise ValueError(f"prune.rewind: epoch {rewind.epoch} lies beyond state 0, which has {first} epochs")
        return self


def divide_epochs(total: int, states: int, rule: str) -> tuple[int, ...]:
    """Divide `total` epochs over `states` by largest remainders, at least one each."""
    shares = {
        "equal": [1.0] * states,
        "last_heavy": [float(position + 1) for position in range(states)],
        "first_heavy": [float(states - position) for position in range(states)],
    }[rule]
    free = total - states
    exact = [free * share / sum(shares) for share in shares]
    epochs = [1 + int(value) for value in exact]
    by_remainder = sorted(range(states), key=lambda state: (int(exact[state]) - exact[state], state))
    for state in by_remainder[: total - sum(epochs)]:
        epochs[state] += 1
    return tuple(epochs)
