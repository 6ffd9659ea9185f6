"""One trial's configuration: what a study's `trial:` section holds, with an arm's patch and searched values applied.

Unknown keys are errors. Fractions are in [0, 1] unless said otherwise; epochs and states are counts.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.local_path import LocalPath
from models.section import OneOf, Section, described
from trainables.config.augment import AugmentConfig
from trainables.config.data_sets import DATA_SETS
from trainables.config.distill import DistillConfig
from trainables.config.model import ModelConfig
from trainables.config.prune import PruneConfig, RewindEpoch
from trainables.config.train import BelowOne, State0Config, TrainConfig

SMALLEST_SIDE = 4
"""Pixels below which no network is asked to look at an image."""
TEST_FRACTION = 0.2
DTD_FOLDS = 10
FOLDABLE = ("digits", "image_folder")
"""Data sets without a test split of their own; a folder may have one all the same."""


class DataConfig(Section):
    """The images. A validation part is held out to choose by; the test split is apart from both."""

    name: Annotated[str, OneOf(DATA_SETS)]
    """Which data set, or one [of one's own](extending.md)."""
    root: LocalPath | None = None
    """Where the files are, or are downloaded to; default: `$PRUNETUNE_DATA`, else `~/.cache/prunetune/data`."""
    image_size: int | None = Field(None, ge=SMALLEST_SIDE)
    """Side in pixels that images are resized to; default: the data's own."""
    val_fraction: float = Field(0.1, gt=0, lt=1)
    """Share of the training images held out, stratified by class, to choose by; where there is no validation part already."""
    test_fraction: Annotated[BelowOne | None, described("number ≥ 0, < 1 or null")] = None
    """Share of the images held out, stratified by class, as the test split, where the data has none of its own; 0: no test
    split, so that nothing but validation is reported. Default: 0.2, but for an `image_folder` with `val/` and no `test/`,
    whose `val/` is the test. Given there, `val/` stays the validation part."""
    split_seed: int = Field(0, ge=0)
    """Fixes the validation split, and the test split where the data has none of its own."""
    folds: int | None = Field(None, ge=2)
    """Cut the images into so many parts, stratified by class; `fold` says which is the test split. For data that has neither a
    test split of its own nor, as `dtd` has, folds."""
    fold: int = Field(1, ge=1)
    """Which of `folds`, or of `dtd`'s ten, counted from 1."""
    train_limit: int | None = Field(None, ge=1)
    """Use only so many training images, stratified by class; for quick looks."""
    augment: AugmentConfig = AugmentConfig()
    workers: int = Field(2, ge=0)
    """Loader processes, for data too large to live on the training device."""
    on_bad_image: Literal["error", "skip"] = "error"
    """Of data in image files: what becomes of a file that cannot be read. `error` stops at it, by its name; `skip` looks at
    every file before anything begins (once, for as long as none changes), leaves such files out and says how many."""

    @property
    def test_share(self) -> float:
        """The share that is held out as the test split, where the data has none of its own and is not cut into folds."""
        return TEST_FRACTION if self.test_fraction is None else self.test_fraction

    @property
    def holds_out_test(self) -> bool:
        """Whether data without a test split of its own is given one."""
        return self.folds is not None or self.test_share > 0

    @model_validator(mode="after")
    def _fold_is_there(self) -> Self:
        if self.folds is not None and self.name not in FOLDABLE and not DATA_SETS.is_own(self.name):
            own = "ten published folds" if self.name == "dtd" else "a test split of its own"
            raise ValueError(f"folds: found {self.folds}, but {self.name} has {own}; leave the key out")
        if self.folds is not None and self.test_fraction is not None:
            raise ValueError(
                f"test_fraction: found {self.test_fraction:g}, and folds {self.folds}, one of which is the test "
                "split; leave one of the two out"
            )
        folds = DTD_FOLDS if self.name == "dtd" else self.folds or 1
        if self.fold > folds:
            there = (
                f"{self.name} has folds 1 to {folds}" if folds > 1 else "there are no folds; say data.folds, how many"
            )
            raise ValueError(f"fold: found {self.fold}, but {there}")
        return self


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
        """Number of pruning events K, each at the beginning of a state."""
        return self.prune.schedule.states

    @property
    def dense_states(self) -> int:
        """States before the first event: state 0, and with `train.state0.epochs` the one that waits for `train.first_event`."""
        return 2 if self.train.state0.epochs is not None and self._epochs_of_wait else 1

    def event_of_state(self, state: int) -> int:
        """The pruning event at the beginning of a state, 1..K; 0 in a dense state."""
        return max(0, state + 1 - self.dense_states)

    def epochs_of_states(self) -> tuple[int, ...]:
        """Epochs of each state: 0..K, or 0..K+1 where a dense state waits for the first event."""
        train = self.train
        own = () if train.state0.epochs is None else (train.state0.epochs,)
        if train.epochs_total is not None:
            wait = self._epochs_of_wait
            divided = divide_epochs(train.epochs_total - wait, self._states_sharing_epochs, train.epochs_rule)
            return (*own, *((wait,) if wait else ()), *divided)
        first = own or (train.epochs_state0 or train.epochs_per_state,)
        return (*first, *[train.epochs_per_state] * self.states)

    def train_of_state(self, state: int) -> TrainConfig:
        """How one state trains: `train` with `train.state0` settled, and that section empty.

        In state 0 there is no dense network yet to be a teacher, so only an outside one teaches there. How many epochs the
        state has is for `epochs_of_states` to say, not for the `EPOCH_KEYS` of what this returns.
        """
        update = {"state0": State0Config(), **self.state0_of(state).recipe()}
        if state == 0 and self.train.distill.outside is None:
            update["distill"] = DistillConfig()
        return self.train.model_copy(update=update)

    def augment_of_state(self, state: int) -> AugmentConfig:
        """What is done to the training images of one state."""
        own = self.state0_of(state).augment
        return self.data.augment if own is None else own

    def state0_of(self, state: int) -> State0Config:
        """What `train.state0` gives one state: nothing but to a dense state 0. The only state of the `scratch` control
        trains a small network.
        """
        is_dense = state == 0 and not self.prune.traits.from_scratch
        return self.train.state0 if is_dense else State0Config()

    @property
    def _states_sharing_epochs(self) -> int:
        """Over how many states `train.epochs_rule` divides."""
        return self.states + 1 if self.train.state0.epochs is None and not self._epochs_of_wait else self.states

    @property
    def _epochs_of_wait(self) -> int:
        """Whole epochs of `train.epochs_total` before the first event, by `train.first_event`; state 0 has at least one."""
        train = self.train
        if train.first_event is None or train.epochs_total is None:
            return 0
        return max(int(train.state0.epochs is None), int(train.first_event * train.epochs_total + 0.5))

    @model_validator(mode="after")
    def _first_event_is_a_share_of_something(self) -> Self:
        first, total = self.train.first_event, self.train.epochs_total
        if first is None:
            return self
        if total is None:
            raise ValueError(
                f"train.first_event: found {first:g}, a share of train.epochs_total, which is not given; give it, or say the "
                "epochs of state 0 (train.state0.epochs)"
            )
        if self.states == 0:
            raise ValueError(f"train.first_event: found {first:g}, but prune.schedule.states is 0: no event comes")
        left = total - self._epochs_of_wait
        if left < self.states:
            raise ValueError(
                f"train.first_event: {first:g} of {total} epochs leaves {left} for {self.states} states, which need one each; "
                "lower it or raise train.epochs_total"
            )
        return self

    @model_validator(mode="after")
    def _one_way_to_count_epochs(self) -> Self:
        train = self.train
        if train.state0.epochs is not None and train.epochs_state0 is not None:
            raise ValueError(
                f"train.epochs_state0: found {train.epochs_state0}, and train.state0.epochs {train.state0.epochs}, which says "
                "the same; leave train.epochs_state0 out"
            )
        if train.epochs_total is not None and train.epochs_state0 is not None:
            raise ValueError("train.epochs_total: divides all epochs by epochs_rule; leave train.epochs_state0 out")
        return self

    @model_validator(mode="after")
    def _epochs_reach_every_state(self) -> Self:
        total, states = self.train.epochs_total, self._states_sharing_epochs
        if total is not None and states == 0:
            raise ValueError(
                f"train.epochs_total: found {total}, but train.state0.epochs gives the only state its epochs, "
                "since prune.schedule.states is 0; leave train.epochs_total out"
            )
        if total is not None and total < states:
            after = " after state 0" if states == self.states else ""
            raise ValueError(f"train.epochs_total: {total} epochs cannot give each of {states} states{after} one")
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
