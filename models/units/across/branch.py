"""Whole branches, the depth of a network: the attention of a block, or its MLP, with its norm and its scale.

What a block adds to the residual stream by that branch is nothing afterwards. The attention branches of a network are one
group, its MLP branches another, so that either is ranked among its like. Of timm's `Block` and `ResPostBlock`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from timm.models.vision_transformer import Block, ResPostBlock
from torch import Tensor, nn

from models.units.across.base import Across, Counts
from models.units.across.query_key import SUFFIX
from models.units.base import TiedSlice, UnitGroup, whole_of
from models.units.families.attention import ATTENTION_CLASSES
from models.units.families.glu import GLU_CLASSES
from models.units.families.mlp import MLP_CLASSES

IN_BRANCHES = (*ATTENTION_CLASSES, *MLP_CLASSES, *GLU_CLASSES)
"""Classes of what a branch does, exactly."""


def is_there(work: nn.Module) -> bool:
    """Whether a branch's attention or MLP still is: a cut one has no outputs, and one of another class is never cut."""
    if type(work) not in IN_BRANCHES:
        return True
    return len(work.get_submodule("proj" if hasattr(work, "proj") else "fc2").get_parameter("weight")) > 0


class CutBlock(Block):
    """A block that has lost branches."""

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        if is_there(self.attn):
            found = self.attn(self.norm1(x), attn_mask=attn_mask, is_causal=is_causal)
            x = x + self.drop_path1(self.ls1(found))
        if is_there(self.mlp):
            x = x + self.drop_path2(self.ls2(self.mlp(self.norm2(x))))
        return x


class CutResPostBlock(ResPostBlock):
    """A block with its norms behind its branches that has lost branches."""

    def forward(self, x: Tensor, attn_mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        if is_there(self.attn):
            x = x + self.drop_path1(self.norm1(self.attn(x, attn_mask=attn_mask, is_causal=is_causal)))
        if is_there(self.mlp):
            x = x + self.drop_path2(self.norm2(self.mlp(x)))
        return x


CUT: dict[type[nn.Module], type[nn.Module]] = {Block: CutBlock, ResPostBlock: CutResPostBlock}
BLOCKS = (*CUT, *CUT.values())


@dataclass(frozen=True)
class Branches:
    """The branches of one sort: the group's name, and what a block calls the modules of one, the first its very work."""

    name: str
    modules: tuple[str, ...]

    @property
    def work(self) -> str:
        return self.modules[0]


BOTH = (Branches("attention_branches", ("attn", "norm1", "ls1")), Branches("mlp_branches", ("mlp", "norm2", "ls2")))


def branch_groups(model: nn.Module) -> tuple[UnitGroup, ...]:
    """Both groups; a unit for each block whose branch is still there, in the network's order."""
    return tuple(_group(model, one) for one in BOTH)


def why_not(model: nn.Module) -> str | None:
    """Why no branch of this network can be taken out, or None."""
    blocks = [block for _, block in blocks_of(model)]
    if not blocks:
        return "it has no block of timm's Block or ResPostBlock classes"
    others = {type(module).__name__ for block in blocks for module in _works(block) if type(module) not in IN_BRANCHES}
    return f"its blocks have a {', a '.join(sorted(others))}" if others else None


def _group(model: nn.Module, branches: Branches) -> UnitGroup:
    work = branches.work
    blocks = [(name, block) for name, block in blocks_of(model) if is_there(block.get_submodule(work))]
    slices, holds = list[TiedSlice](), list[tuple[str, ...]]()
    for unit, (name, block) in enumerate(blocks):
        holds.append((f"{name}.{work}", f"{name}.{work}{SUFFIX}"))
        for part in branches.modules:
            module = getattr(block, part, None)
            slices += whole_of(f"{name}.{part}", module, unit) if module is not None else ()
    return UnitGroup(branches.name, "branch", len(blocks), tuple(slices), None, tuple(holds))


def _works(block: nn.Module) -> list[nn.Module]:
    return [block.get_submodule(branches.work) for branches in BOTH]


def blocks_of(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Name and module of every block that has branches, cut or not."""
    for name, module in model.named_modules():
        if type(module) in BLOCKS:
            yield name, module


def _after_cut(model: nn.Module, counts: Counts) -> None:
    for _, block in list(blocks_of(model)):
        cut = CUT.get(type(block))
        if cut is not None and not all(map(is_there, _works(block))):
            block.__class__ = cut


BRANCH = Across(branch_groups, why_not, _after_cut)
