"""Channels inside a block: made by one convolution, passed on channel by channel, and read by others and nothing else.

What passes them on is a norm, a depthwise or grouped convolution, squeeze-excitation. Where one of these is grouped, a unit
is a whole group: its inputs, its outputs, and all that belongs to them on either side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.norm_act import BatchNormAct2d
from timm.layers.squeeze_excite import SEModule
from timm.models._efficientnet_blocks import SqueezeExcite
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from models.units.base import Family, TiedSlice, UnitGroup, of_layer
from models.units.empty_layers import EmptyAvgPool2d, EmptyBatchNorm2d, EmptyConv2d, EmptyConv2dSame
from models.units.families.grouped import is_grouped
from models.units.structure import Kind

LAYERS: frozenset[type[nn.Module]] = frozenset(
    {nn.Linear, nn.Conv2d, Conv2dSame, EmptyConv2d, EmptyConv2dSame}
    | {nn.BatchNorm2d, BatchNormAct2d, EmptyBatchNorm2d}
)
"""Classes, exactly: a convolution that standardises its weights, or a norm over several channels, is another matter."""
AVERAGES = (nn.AvgPool2d, EmptyAvgPool2d)
SQUEEZE_EXCITE: dict[type[nn.Module], tuple[str, str]] = {
    SqueezeExcite: ("conv_reduce", "conv_expand"),
    SEModule: ("fc1", "fc2"),
}
"""Squeeze-excitation, and its two layers: one reads each channel's mean, the other writes a factor for each."""


@dataclass(frozen=True)
class Passage:
    """The way of channels through a block, by the names of its layers in the order in which they run.

    `makers` have an entry for each channel along dimension 0 of their weights, and the first of them, which is not grouped,
    makes the channels; `readers` have one along dimension 1; `squeeze` are squeeze-excitation over the channels; `absent` must
    not be there: anti-aliasing, DropBlock. What a block lacks, or holds as None or an identity, is passed over.
    """

    makers: tuple[str, ...]
    readers: tuple[str, ...]
    squeeze: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def by_channels(
    classes: tuple[type[nn.Module], ...], passages_of: Callable[[Any], Mapping[str, Passage]], kind: Kind = "channel"
) -> Family:
    """A family whose blocks have the groups that `passages_of(block)` names; the name "" is the block's own."""

    def groups_of(name: str, block: nn.Module) -> tuple[UnitGroup, ...]:
        passages = passages_of(block).items()
        return tuple(group(f"{name}.{part}" if part else name, name, block, one, kind) for part, one in passages)

    def after_cut(block: nn.Module) -> None:
        for passage in passages_of(block).values():
            if not _count(block, passage):
                for layer in filter(_is_average, present(block, passage.absent).values()):
                    layer.__class__ = EmptyAvgPool2d

    def why(block: nn.Module) -> str | None:
        return why_whole(block, tuple(passages_of(block).values()))

    return Family(kind, classes, groups_of, why, after_cut=after_cut)


def group(name: str, prefix: str, block: nn.Module, passage: Passage, kind: Kind = "channel") -> UnitGroup:
    """The group of `passage` through `block`, which has the name `prefix` in the network.

    ValueError for a layer that the group's channels do not go through, as its size shows.
    """
    makers, readers = present(block, passage.makers), present(block, passage.readers)
    for path, layer in present(block, passage.squeeze).items():
        reduce, expand = SQUEEZE_EXCITE[type(layer)]
        readers = {f"{path}.{reduce}": layer.get_submodule(reduce), **readers}
        makers[f"{path}.{expand}"] = layer.get_submodule(expand)
    count = _count(block, passage)
    slices: list[TiedSlice] = []
    for path, layer in makers.items():
        slices += of_layer(f"{prefix}.{path}", layer, 0, _shared(path, entries(layer), count))
    for path, layer in readers.items():
        size = layer.get_parameter("weight").shape[1]
        slices.append(TiedSlice(f"{prefix}.{path}.weight", 1, _shared(path, size, count)))
    return UnitGroup(name, kind, count, tuple(slices), f"{prefix}.{passage.readers[0]}")


def why_whole(block: nn.Module, passages: Sequence[Passage]) -> str | None:
    """Why the channels of these passages cannot be cut exactly, or None."""
    return next((reason for passage in passages for reason in _reasons(block, passage)), None)


def _reasons(block: nn.Module, passage: Passage) -> Iterator[str]:
    between, readers = present(block, passage.makers[1:]), present(block, passage.readers)
    first = layer_at(block, passage.makers[0])
    if first is None or not readers:
        yield f"{_words(block)} without channels of its own"
        return
    if is_grouped(first) or any(map(is_grouped, readers.values())):
        yield f"{_words(block)} whose first or last convolution is grouped"
    groups = [layer.groups for layer in between.values() if isinstance(layer, nn.Conv2d)]
    if any(isinstance(layer, nn.Conv2d) and not is_grouped(layer) for layer in between.values()):
        yield f"{_words(block)} with a dense convolution between"
    if any(one % min(groups) for one in groups if min(groups)):
        yield f"{_words(block)} with groups that do not lie within each other"
    for layer in (first, *between.values(), *readers.values()):
        if type(getattr(layer, "drop", nn.Identity())) is not nn.Identity:
            yield f"{_words(block)} with drop_block, which scales by statistics over all channels"
        if type(layer) not in LAYERS:
            norm = "norm" in type(layer).__name__.lower()
            yield f"{_words(block)} whose norm is not BatchNorm" if norm else f"{_words(block)} with a {_named(layer)}"
    for layer in present(block, passage.squeeze).values():
        if type(layer) not in SQUEEZE_EXCITE:
            yield f"{_words(block)} with {_named(layer)} over its inner channels"
    for path, layer in present(block, passage.absent).items():
        if "drop" in path:
            yield f"{_words(block)} with drop_block, which scales by statistics over all channels"
        elif not _is_average(layer):
            yield f"{_words(block)} with {'anti-aliasing' if path.endswith('aa') else f'a {_named(layer)}'}"


def present(block: nn.Module, paths: Iterable[str]) -> dict[str, nn.Module]:
    """Of these layers those that are there and do something."""
    found = ((path, layer_at(block, path)) for path in paths)
    return {path: layer for path, layer in found if layer is not None}


def layer_at(block: nn.Module, path: str) -> nn.Module | None:
    """The block's layer of this name; None where it is not there, or does nothing."""
    layer: object = block
    for part in path.split("."):
        layer = getattr(layer, part, None)
    return layer if isinstance(layer, nn.Module) and type(layer) is not nn.Identity else None


def _is_average(layer: nn.Module) -> bool:
    """The one anti-aliasing that goes channel by channel without a kernel of its own."""
    return isinstance(layer, nn.AvgPool2d) and type(layer) in AVERAGES and not layer.ceil_mode


def _count(block: nn.Module, passage: Passage) -> int:
    """Channels, or groups of them where a convolution between is grouped: those lie side by side before and after it."""
    between = present(block, passage.makers[1:]).values()
    groups = [layer.groups for layer in between if isinstance(layer, nn.Conv2d)]
    return min(groups, default=entries(block.get_submodule(passage.makers[0])))


def entries(layer: nn.Module) -> int:
    """Size of dimension 0 of a layer's weight; a norm may be without one."""
    return layer.num_features if isinstance(layer, _BatchNorm) else layer.get_parameter("weight").shape[0]


def _shared(layer: str, size: int, count: int) -> Tensor:
    if count and size % count:
        raise ValueError(f"{layer} has {size} channels, of which {count} units cannot each have as many")
    return even(size, count)


def even(size: int, count: int) -> Tensor:
    """(count, size / count): consecutive indices for each unit."""
    return torch.arange(size).reshape(count, size // count if count else 0)


def _words(block: nn.Module) -> str:
    return "MLP" if "mlp" in type(block).__name__.lower() else "block"


def _named(layer: nn.Module) -> str:
    return type(layer).__name__
