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

    source: Literal["pretrained", "path", "partial", "random"]
    """`pretrained` must be proven; `path` may run unproven; `partial` takes what fits from another network; `random` is drawn
    from the seed."""
    tag: str | None = None
    """For `pretrained`: `timm:NAME.TAG` or `weights:NAME`; default: the architecture's own."""
    path: LocalPath | None = None
    """For `path`: a safetensors or PyTorch file. For `pretrained`: one that has to be proven; where weights are found by
    themselves, the file that was found."""
    start: str | None = Field(None, alias="from", min_length=1)
    """For `partial`: `timm:NAME.TAG`, `weights:NAME`, or a safetensors or PyTorch file."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Of the file that the weights come from, 64 digits: another file is an error. Where weights are found by themselves, the
    one that is taken; a run fills in what it has found."""
    found: str | None = None
    """Filled in by a run whose weights were found by themselves: where, and what was passed over."""

    @model_validator(mode="after")
    def _keys_match_source(self) -> Self:
        if self.source == "path" and self.path is None:
            raise ValueError("source: path needs a path")
        if self.source == "random" and (self.path is not None or self.tag is not None):
            raise ValueError("source: random takes neither path nor tag")
        if self.source == "pretrained" and self.path is not None and self.tag is not None:
            raise ValueError("path and tag both name the weights; leave one out")
        if self.source == "partial" and self.start is None:
            raise ValueError("source: partial needs to know from what, such as from: timm:resnet18.a1_in1k")
        if self.source == "partial" and (self.path is not None or self.tag is not None):
            raise ValueError("source: partial takes neither path nor tag; say from: FILE or from: timm:NAME.TAG")
        if self.source in ("random", "partial") and self.sha256 is not None:
            raise ValueError(
                f"sha256 with source: {self.source}; it is of the file that source: pretrained or path takes"
            )
        if self.found is not None and not (self.source == "pretrained" and self.names_weights):
            raise ValueError("found is what a run fills in beside the weights that it has found; leave it out")
        if self.source != "partial" and self.start is not None:
            raise ValueError(f"from: {self.start} with source: {self.source}; say source: partial to use it")
        return self

    @property
    def names_weights(self) -> bool:
        """Whether `source: pretrained` says which weights it means, so that none are looked up."""
        return self.tag is not None or self.path is not None


class ModelConfig(Section):
    """The network and where its weights come from."""

    arch: str
    """`vit_micro`, `vit_tiny`, `vit_small`, `vit_base`, `twistnet18` or an [ablation](twistnet.md) of it, `resnet18`, or
    `timm:NAME` for any timm model, or one [of one's own](extending.md)."""
    init: InitConfig
    patch_size: int | None = Field(None, ge=1)
    """In pixels; default: the architecture's own for the data's image size."""
    args: Arguments = Field(default_factory=dict)
    """Further arguments of the network's builder, such as `drop_path_rate`."""
