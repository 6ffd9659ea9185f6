"""What a pretraining file says: one network, one data set, one recipe, and the weights file it ends in."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from models.local_path import LocalPath
from models.section import Section, described
from trainables.config.model import Arguments
from trainables.config.train import EPOCH_KEYS, TrainConfig
from trainables.config.trial import DataConfig

NOT_FOR_PRETRAINING = (*EPOCH_KEYS, "distill", "state0")


class PretrainModel(Section):
    """The network; it begins at random weights, drawn from `seed`."""

    arch: str
    """As `trial.model.arch`."""
    patch_size: int | None = Field(default=None, ge=1)
    """In pixels; default: the architecture's own for the data's image size."""
    args: Arguments = Field(default_factory=dict)
    """Further arguments of the network's builder."""


class Expected(Section):
    """What the recipe's authors think it comes to: a prediction, and called one wherever it is told."""

    accuracy: tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]]
    """Top-1 of the finished weights, from and to, in [0, 1]."""
    part: Literal["val", "test"] = "test"
    """Of which part of the data, as `data` divides them: a folder's val/ is the test where it has no test/."""
    says: str
    """Who says so, and of which images."""

    @model_validator(mode="after")
    def _from_below_to(self) -> Self:
        if self.accuracy[0] > self.accuracy[1]:
            raise ValueError(f"expected.accuracy: found {list(self.accuracy)}; expected [from, to], the lower first")
        return self


class PretrainConfig(Section):
    """One network, one data set, one recipe. `data` is as in `trial.data`, and `train` as in `trial.train` without the keys
    that speak of states, epochs and teachers.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Names the run's folder, and stands in the weights' provenance."""
    model: PretrainModel
    data: DataConfig
    train: TrainConfig = Field(default_factory=lambda: TrainConfig.model_validate({}))
    """The recipe; its schedule runs over all epochs, and `batch_size` is the total over all processes. Keys that speak of
    states are errors here."""
    scale_lr: Literal["none", "linear"] = "none"
    """`linear`: the learning rate is `train.lr` x `train.batch_size` / `lr_batch_size` (Goyal et al. 2017)."""
    lr_batch_size: int = Field(default=256, ge=1)
    """The batch size that `train.lr` is meant for, where `scale_lr` is `linear`."""
    sync_batch_norm: bool = False
    """In several processes BatchNorm normalises by the images of all of them; else each by its own, and of the running
    statistics the first process's are kept. In one process it changes nothing."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Keep a moving average of the weights, of which each step leaves so much (such as 0.9999). Then the average is what is
    validated, kept as the best, and finished with; the weights themselves are judged beside it."""
    finish_with: Literal["last", "best"] = "last"
    """The finished weights: those of the last epoch, or those of the epoch with the best validation accuracy."""
    checkpoint_every: int | None = Field(default=None, ge=1)
    """Steps between checkpoints within an epoch; default: at its end alone."""
    expected: Annotated[Expected | None, described("section or null")] = None
    """What the recipe is thought to come to; `init verify` holds it against what was reached."""
    epochs: int = Field(ge=1)
    """Passes over the training images, which the schedule runs over."""
    seed: int = Field(default=0, ge=0)
    """Initial weights, order of the images, augmentation."""
    output: LocalPath
    """The weights file to write, ending in .safetensors; replaces what is there. Relative to the file, and in `--set output=…`
    to the working folder. In the project's own `weights/` its digest is listed too, which makes it proven for all."""

    @property
    def peak_lr(self) -> float:
        """After `scale_lr`."""
        if self.scale_lr == "none":
            return self.train.lr
        return self.train.lr * self.train.batch_size / self.lr_batch_size

    @model_validator(mode="after")
    def _one_state_and_a_weights_file(self) -> Self:
        given = [key for key in NOT_FOR_PRETRAINING if key in self.train.model_fields_set]
        if given:
            raise ValueError(f"train.{given[0]}: means nothing here, for pretraining has no states; say epochs")
        if self.output.suffix != ".safetensors":
            raise ValueError(f"output: found {self.output}, expected a file name that ends in .safetensors")
        return self
