"""What a pretraining file says: one network, one data set, one recipe, and the weights file it ends in."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from models.local_path import LocalPath
from models.section import Section
from trainables.config.model import Arguments
from trainables.config.train import EPOCH_KEYS, TrainConfig
from trainables.config.trial import DataConfig

NOT_FOR_PRETRAINING = (*EPOCH_KEYS, "distill", "state0")


class PretrainModel(Section):
    arch: str
    patch_size: int | None = Field(default=None, ge=1)
    """In pixels; default: the architecture's own for the data's image size."""
    args: Arguments = Field(default_factory=dict)
    """Further arguments of the network's builder."""


class PretrainConfig(Section):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Names the run's folder, and stands in the weights' provenance."""
    model: PretrainModel
    data: DataConfig
    train: TrainConfig = Field(default_factory=lambda: TrainConfig.model_validate({}))
    """The recipe; its schedule runs over all epochs. Keys that speak of states are errors here."""
    epochs: int = Field(ge=1)
    seed: int = Field(default=0, ge=0)
    output: LocalPath
    """The weights file to write, ending in .safetensors; replaces what is there."""

    @model_validator(mode="after")
    def _one_state_and_a_weights_file(self) -> Self:
        given = [key for key in NOT_FOR_PRETRAINING if key in self.train.model_fields_set]
        if given:
            raise ValueError(f"train.{given[0]}: means nothing here, for pretraining has no states; say epochs")
        if self.output.suffix != ".safetensors":
            raise ValueError(f"output: found {self.output}, expected a file name that ends in .safetensors")
        return self
