"""The `model:` section of a trial: which network, and where its weights come from."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from models.local_path import LocalPath
from models.section import Section, finite_throughout

Arguments = Annotated[dict[str, Any], AfterValidator(finite_throughout)]
"""Anything that YAML can say, for a network's builder."""


class InitConfig(Section):
    """Initial weights; see [weights.md](weights.md) for what is refused and why.

    `pretrained` must be proven; nothing falls back to random weights.
    """

    source: Literal["pretrained", "path", "random"]
    """`pretrained` must be proven; `path` may run unproven; `random` is drawn from the seed."""
    tag: str | None = None
    """For `pretrained`: `timm:NAME.TAG` or `weights:NAME`; default: the architecture's own."""
    path: LocalPath | None = None
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
    """`vit_micro`, `vit_tiny`, `vit_small`, `vit_base`, `twistnet18` or an [ablation](twistnet.md) of it, `resnet18`, or
    `timm:NAME` for any timm model."""
    init: InitConfig
    patch_size: int | None = Field(None, ge=1)
    """In pixels; default: the architecture's own for the data's image size."""
    args: Arguments = Field(default_factory=dict)
    """Further arguments of the network's builder, such as `drop_path_rate`."""
