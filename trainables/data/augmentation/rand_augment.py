"""timm's RandAugment: of one picture, as timm has it, and of a batch on the training device, to the same choices and pixels."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from timm.data import auto_augment as timm_ops
from torch import Tensor

from models.errors import UserError
from trainables.data.augmentation import geometry, tones
from trainables.data.batching import moved
from trainables.seeds import isolated

KEY = "data.augment.rand_augment"
GREY = (geometry.FILL,) * 3
MOST_ARGUMENTS = 2
Operation = Callable[..., Tensor]
Arguments = tuple[float, ...]
Size = tuple[int, int]
"""Width and height in pixels."""


def rand_augment_of(notation: str, key: str = KEY) -> Callable[[Image.Image], Image.Image]:
    """timm's RandAugment of one picture, from its notation, which stands under `key`; UserError where timm does not know it."""
    try:
        transform = timm_ops.rand_augment_transform(notation, {"img_mean": GREY})
    except (AssertionError, ValueError, KeyError) as error:
        raise UserError(
            f"found {notation!r}; expected timm's notation, such as rand-m9-mstd0.5-inc1", key=key
        ) from error
    for op in transform.ops:
        if op.name.startswith("Posterize"):
            op.level_fn = partial(_at_least_one_bit, op.level_fn)
    return cast(Callable[[Image.Image], Image.Image], transform)


def check_rand_augment(notation: str, key: str = KEY) -> None:
    """UserError where timm does not know the notation, or what it stands for cannot be done to a batch."""
    _noting(notation, key)


def rand_augment(images: Tensor, notation: str, seed: int) -> Tensor:
    """RandAugment of each of the uint8 images (N, C, H, W), C 1 or 3, drawn by `seed` for the whole batch."""
    with isolated(seed):
        steps = _drawn(notation, len(images), (images.shape[3], images.shape[2]))
    where = np.array([place for step in steps for place in step.places], dtype=np.int64)
    rows = np.array([(*row, 0.0, 0.0)[:MOST_ARGUMENTS] for step in steps for row in step.arguments])
    places, arguments = (moved(torch.from_numpy(values), images.device) for values in (where, rows))
    changed, done = images.clone(), 0
    for step in steps:
        now = slice(done, done := done + len(step.places))
        columns = arguments[now].unbind(1)[: len(step.arguments[0])]
        changed[places[now]] = step.operation(changed[places[now]], *columns)
    return changed


@dataclass
class _Step:
    """An operation, the places in the batch of the images that it is done to, and its arguments for each of them."""

    operation: Operation
    places: list[int] = field(default_factory=list)
    arguments: list[Arguments] = field(default_factory=list)


@dataclass(frozen=True)
class _Kind:
    """What stands for one of timm's operations: one operation, or a bilinear and a bicubic one; its arguments from timm's."""

    operations: tuple[Operation, ...]
    arguments: Callable[[Arguments, Size], Arguments]


def _tonal(operation: Operation) -> _Kind:
    return _Kind((operation,), lambda levels, size: levels)


def _geometric(operation: Operation, arguments: Callable[[Arguments, Size], Arguments]) -> _Kind:
    return _Kind(_INTERPOLATED[operation], arguments)


def _turned(levels: Arguments, size: Size) -> Arguments:
    """Cosine and sine, rounded as Pillow rounds them."""
    angle = -math.radians(levels[0] % 360.0)
    return round(math.cos(angle), 15), round(math.sin(angle), 15)


_INTERPOLATED: dict[Operation, tuple[Operation, Operation]] = {
    operation: (partial(operation, cubic=False), partial(operation, cubic=True))
    for operation in (geometry.rotate, geometry.slide_rows, geometry.slide_columns)
}
_KINDS: dict[Callable[..., Any], _Kind] = {
    timm_ops.auto_contrast: _tonal(tones.auto_contrast),
    timm_ops.equalize: _tonal(tones.equalize),
    timm_ops.invert: _tonal(tones.invert),
    timm_ops.solarize: _tonal(tones.solarize),
    timm_ops.solarize_add: _tonal(tones.solarize_add),
    timm_ops.posterize: _tonal(tones.posterize),
    timm_ops.brightness: _tonal(tones.brightness),
    timm_ops.contrast: _tonal(tones.contrast),
    timm_ops.color: _tonal(tones.colour),
    timm_ops.desaturate: _tonal(tones.desaturate),
    timm_ops.sharpness: _tonal(tones.sharpness),
    timm_ops.gaussian_blur: _tonal(tones.gaussian_blur),
    timm_ops.rotate: _geometric(geometry.rotate, _turned),
    timm_ops.shear_x: _geometric(geometry.slide_rows, lambda levels, size: (levels[0], 0.0)),
    timm_ops.shear_y: _geometric(geometry.slide_columns, lambda levels, size: (levels[0], 0.0)),
    timm_ops.translate_x_rel: _geometric(geometry.slide_rows, lambda levels, size: (0.0, levels[0] * size[0])),
    timm_ops.translate_y_rel: _geometric(geometry.slide_columns, lambda levels, size: (0.0, levels[0] * size[1])),
}
"""timm's operations that a notation can lead to."""


def _drawn(notation: str, count: int, size: Size) -> list[_Step]:
    """What is done to so many images, layer by layer, drawn from the global generators as timm draws."""
    transform = _noting(notation)
    operations, weights = transform.ops, transform.choice_weights
    if weights is None:
        chosen = np.random.choice(len(operations), (count, transform.num_layers))
    else:
        draw = partial(np.random.choice, len(operations), transform.num_layers, replace=False, p=weights)
        chosen = np.stack([draw() for _ in range(count)])
    steps: list[_Step] = []
    for layer in chosen.T.tolist():
        found: dict[Operation, _Step] = {}
        for place, number in enumerate(layer):
            noted = operations[number](size)
            if noted is size:  # timm left this image alone
                continue
            operation, arguments = noted
            step = found.setdefault(operation, _Step(operation))
            step.places.append(place)
            step.arguments.append(arguments)
        steps += found.values()
    return steps


def _noting(notation: str, key: str = KEY) -> Any:
    """timm's transform whose operations, given a size, change nothing but tell what they would do.

    So chances, levels and signs are drawn by timm's own code.
    """
    transform: Any = rand_augment_of(notation, key)
    for op in transform.ops:
        kind = _KINDS.get(op.aug_fn)
        if kind is None:
            raise UserError(
                f"found {notation!r}, which stands for {op.name} among others; that cannot be done to images held in memory",
                key=key,
            )
        op.aug_fn = partial(_noted, kind)
    return transform


def _noted(kind: _Kind, size: Size, *levels: float, resample: Any, fillcolor: Any) -> tuple[Operation, Arguments]:
    """In place of one of timm's operations; `resample` are the interpolations that it chooses from at random."""
    if len(kind.operations) == 1:
        return kind.operations[0], kind.arguments(levels, size)
    bicubic = random.choice(resample) is Image.Resampling.BICUBIC
    return kind.operations[bicubic], kind.arguments(levels, size)


def _at_least_one_bit(level: Callable[..., tuple[int]], *arguments: Any) -> tuple[int]:
    """timm's strongest posterisation keeps no bit at all, which newer versions of Pillow refuse to do."""
    (bits,) = level(*arguments)
    return (max(1, bits),)
