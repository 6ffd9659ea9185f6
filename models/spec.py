"""What a network is, apart from its structure and its weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelSpec:
    """The arguments a dense network is built from; plain JSON, so that it travels in file headers.

    `arch` is one of our networks (`vit_micro`, `vit_tiny`, `vit_small`, `vit_base`, `twistnet18`) or `timm:NAME[.TAG]`; names
    that stand for one of these with arguments (`models/networks/variants.py`) are resolved before.
    `img_size` is the side of the square input in pixels; `patch_size` is None for networks without patches.
    `args` are further keyword arguments of the builder (`drop_path_rate`, `qk_norm`, …).
    """

    arch: str
    num_classes: int
    img_size: int
    in_chans: int
    patch_size: int | None = None
    args: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ModelSpec:
        return cls(**value)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of one image."""
        return (self.in_chans, self.img_size, self.img_size)
