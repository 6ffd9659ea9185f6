"""The network that a configuration asks for on its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from models.networks.registry import resolve_spec
from models.spec import ModelSpec
from trainables.data.base import DataInfo


class AskedNetwork(Protocol):
    """What names a network: the `model` section of a trial, or of a pretraining."""

    @property
    def arch(self) -> str: ...

    @property
    def patch_size(self) -> int | None: ...

    @property
    def args(self) -> Mapping[str, Any]: ...


def network_spec(model: AskedNetwork, info: DataInfo) -> ModelSpec:
    """Dense, with the data's classes, size and channels. UserError where there is no such network."""
    return resolve_spec(
        model.arch, info.num_classes, info.image_size, info.in_chans, patch_size=model.patch_size, args=dict(model.args)
    )
