"""Repair at removal: the layers that read units which go are set so that their outputs stay what they were.

For each event, once its units are taken out, in the order in which the network runs: a layer is solved on what the layers
before it, already repaired, hand it, towards what it gave before the event. Two forward passes over the calibration images,
of the network as it is and as it was, side by side, do for all of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal

import torch
from torch import Tensor, nn

from models.errors import UserError
from models.units.base import UnitGroup
from pruning.calibration import caught, undisturbed
from pruning.repair.beside import running_beside
from pruning.repair.moments import Moments
from pruning.repair.readers import Reader, readers_of
from pruning.repair.ridge import again, best, only_mean

Compensation = Literal["mean", "least_squares"]
CONSTANT = 1e-9
"""An output that varies by no more than this share of its square, as over a single row, says nothing of an error's size."""
HELD_OUT = 4
"""One in so many calibration images, the last ones, is held out: it says how strong the ridge is to be."""


@dataclass(frozen=True)
class Repaired:
    """What became of one reader: the error of its output on the held-out images as the units go, and with the repair, each
    as a share of how much the output varies, None where it does not; and the ridge's strength, None where the bias alone
    moved."""

    error_removed: float | None
    error_repaired: float | None
    strength: float | None


def repair(
    model: nn.Module,
    before: nn.Module,
    groups: Sequence[UnitGroup],
    gone: Mapping[str, Sequence[int]],
    images: Tensor,
    how: Compensation,
) -> dict[str, Repaired]:
    """Set every layer of `model` that has lost inputs, in place: its weights by least squares, or its bias by their mean.

    `before` is the network as it was, `groups` describe it, and `gone` are the positions in it of the units that `model` has
    no more, by group; `images` the calibration images, (images, channels, height, width), of which a layer's whole input is
    in memory at once. Gives what became of each reader, in the network's order.

    Raises UserError where there are too few images to hold some out.
    """
    if len(images) < HELD_OUT:
        raise UserError(
            f"{how} holds one of {HELD_OUT} calibration images out, found {len(images)} images in all; raise "
            "prune.calibration_images",
            key="prune.compensate",
        )
    readers = {reader.name: reader for reader in readers_of(model, before, groups, gone)}
    done: dict[str, Repaired] = {}
    if not readers:
        return done
    images = images.to(next(model.parameters()).device)
    modules: dict[str, nn.Module] = {name: reader.now.layer for name, reader in readers.items()}
    with undisturbed(model), undisturbed(before), torch.no_grad(), running_beside(before, readers, images) as beside:

        def at_its_input(name: str, values: Tensor) -> None:
            if name in done:
                raise RuntimeError(f"{name} reads twice in one pass, so that there is no one input to repair it for")
            done[name] = _repair_reader(readers[name], values, beside.input_of(name), how)

        with caught(modules, at_its_input):
            model(images)
    if unread := [name for name in readers if name not in done]:
        raise RuntimeError(f"the forward pass came to none of {', '.join(unread)}")
    return done


def _repair_reader(reader: Reader, values: Tensor, before: Tensor, how: Compensation) -> Repaired:
    """`values` are its inputs, and `before` what they were before the event; images first: one image's tokens lie together."""
    matrix, held = reader.now.matrix, len(values) // HELD_OUT
    halves = ((values[:-held], before[:-held]), (values[-held:], before[-held:]))
    fitted, held_out = (_moments(reader, *half) for half in halves)
    has_bias = reader.now.layer.bias is not None
    judged = best(fitted, held_out, has_bias) if how == "least_squares" else only_mean(fitted, has_bias)
    total, varies = held_out.output_energy(matrix)
    base = varies if varies > CONSTANT * total else None
    solved = again(judged, fitted + held_out, has_bias)
    reader.add(solved.change, solved.shift)
    left = held_out.error(judged.change, judged.shift)
    return Repaired(_share(held_out.energy, base), _share(left, base), judged.strength)


def _moments(reader: Reader, values: Tensor, before: Tensor) -> Moments:
    """Of the inputs left, and of what is lost: what the layer gave less what it gives now."""
    return reduce(add, (Moments.of(now, lost) for now, lost in reader.rows(values, before)))


def _share(error: float, varies: float | None) -> float | None:
    """Root of the ratio; rounding may leave an error of nothing below zero."""
    return None if varies is None else math.sqrt(max(0.0, error) / varies)
