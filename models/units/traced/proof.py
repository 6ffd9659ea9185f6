"""The proof of what was found: without some units a network computes what it computes where nothing reads them.

Tried on a copy with weights at random, in double precision: what is described wrongly differs from the first digits on.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.units.base import UnitGroup
from models.units.traced.plan import Found, Heads, mark_heads

TOLERANCES = {torch.float64: 1e-8, torch.float32: 1e-3}
"""Relative to the largest logit. Single precision is for networks that make numbers of it themselves."""
IMAGES = 2


def refuted(model: nn.Module, input_shape: tuple[int, int, int], found: Sequence[Found]) -> dict[str, str]:
    """Name → what went wrong, of those of `found` that are not true of the dense `model`, whose weights are random afterwards.

    Attentions of one class have one forward pass, and are judged together.
    """
    _shuffle(model.eval())
    images = torch.randn(IMAGES, *input_shape)
    attentions: dict[type[nn.Module], list[Found]] = {}
    for one in found:
        if isinstance(one, Heads):
            mark_heads(model, one)
            attentions.setdefault(type(model.get_submodule(one.name)), []).append(one)
    if not found or _wrong(model, images, found) is None:
        return {}
    told: dict[str, str] = {}
    for together in attentions.values():
        if (reason := _wrong(model, images, together)) is not None:
            told |= {one.name: reason for one in together}
    others = [one for one in found if not isinstance(one, Heads)]
    if others and _wrong(model, images, others) is not None:
        each = {one.name: _wrong(model, images, [one]) for one in others}
        told |= {name: reason for name, reason in each.items() if reason is not None}
    return told


def _shuffle(model: nn.Module) -> None:
    """Let no layer be at a beginning, such as zero, that would hide what it reads."""
    for parameter in model.parameters():
        shape = parameter.shape
        parameter.data = torch.randn(shape) / shape[1:].numel() ** 0.5 if len(shape) > 1 else 0.5 + torch.rand(shape)


def _wrong(model: nn.Module, images: Tensor, found: Sequence[Found]) -> str | None:
    try:
        return _differs(model.double(), images.double(), found)
    except Exception:  # of the user's code, which may not be made for double precision
        try:
            return _differs(model.float(), images.float(), found)
        except Exception as error:
            said = str(error).strip().splitlines() or ["no further words"]
            return f"whose forward pass fails without some of them ({type(error).__name__}: {said[0]})"


def _differs(model: nn.Module, images: Tensor, found: Sequence[Found]) -> str | None:
    # Removal asks what can be cut, which asks here.
    from models.units.compaction import keep_only

    groups = [one.group(model) for one in found]
    kept = {group.name: tuple(range(0, group.count, 2)) for group in groups}
    smaller = copy.deepcopy(model)
    keep_only(smaller, groups, kept)
    gives = _run(smaller, images)
    del smaller
    silenced = copy.deepcopy(model)
    _silence(silenced, groups, kept)
    expected = _run(silenced, images)
    return None if expected.shape == gives.shape and _close(expected, gives) else "which act on others of them"


def _silence(model: nn.Module, groups: Sequence[UnitGroup], kept: dict[str, tuple[int, ...]]) -> None:
    """Let nothing read the units that are not kept."""
    for group in groups:
        gone = sorted(set(range(group.count)) - set(kept[group.name]))
        for tied in group.slices:
            if tied.dim == 1:
                model.get_parameter(tied.tensor).data[:, tied.of(gone)] = 0.0


def _run(model: nn.Module, images: Tensor) -> Tensor:
    torch.manual_seed(0)
    with torch.no_grad():
        logits = model(images)
    if not isinstance(logits, Tensor):
        raise TypeError(f"it gives {type(logits).__name__}")
    return logits


def _close(expected: Tensor, gives: Tensor) -> bool:
    largest = max(1.0, float(expected.abs().max()))
    return float((expected - gives).abs().max()) <= TOLERANCES.get(expected.dtype, 1e-3) * largest
