"""From seconds measured at a few networks of a schedule to the hours of a whole trial, and the least that these can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainables.states.running_state import TRAINING_COST

OPERATIONS = 2
"""Floating-point operations of a multiply-accumulate."""
MOVED = {"sgd": 5, "adamw": 7}
"""Numbers of four bytes that an optimiser's step moves for each parameter: it reads weight, gradient and moments (one or two),
and writes weight and moments."""
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Size:
    """Of a state's network: multiply-accumulates per image, and parameters."""

    macs: int
    params: int


@dataclass(frozen=True)
class Seconds:
    """Measured at one network: of a step, and of an image's evaluation as within a state and as at its end, in float32."""

    step: float
    evaluated_image: float
    ended_image: float


@dataclass(frozen=True)
class Whole:
    """A trial in full: epochs of every state, steps of an epoch, images of the validation and the test split."""

    epochs: int
    steps: int
    val: int
    test: int


@dataclass(frozen=True)
class Ceilings:
    """Floating-point operations and bytes of memory a second."""

    rate: float
    bandwidth: float


def projected_hours(whole: Whole, sizes: Sequence[Size], measured: Sequence[tuple[Size, Seconds]]) -> float:
    """Of training and evaluation in all states, whose networks are `sizes`; those between two measured ones take what lies
    between by their multiply-accumulates. Files are not counted."""
    known = sorted(measured, key=lambda one: one[0].macs)
    macs = [size.macs for size, _ in known]

    def of_state(size: Size) -> float:
        step, evaluated, ended = (
            float(np.interp(size.macs, macs, [getattr(seconds, name) for _, seconds in known]))
            for name in ("step", "evaluated_image", "ended_image")
        )
        training = whole.epochs * whole.steps * step
        return training + (whole.epochs - 1) * whole.val * evaluated + (whole.val + whole.test) * ended

    return sum(of_state(size) for size in sizes) / 3600


def least_step(size: Size, batch_size: int, optimizer: str, ceilings: Ceilings) -> float:
    """Seconds of a step that computes at the machine's best rate, and then moves what its optimiser has to move."""
    arithmetic = TRAINING_COST * OPERATIONS * size.macs * batch_size / ceilings.rate
    return arithmetic + MOVED[optimizer] * FLOAT_BYTES * size.params / ceilings.bandwidth


def least_hours(whole: Whole, sizes: Sequence[Size], batch_size: int, optimizer: str, ceilings: Ceilings) -> float:
    """Of training alone."""
    steps = whole.epochs * whole.steps
    return steps * sum(least_step(size, batch_size, optimizer, ceilings) for size in sizes) / 3600
