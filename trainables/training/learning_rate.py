"""The learning rate of every optimiser step of a state, as a pure function of the recipe and the number of steps."""

from __future__ import annotations

import math

from trainables.config.train import LearningRateSchedule


def learning_rates(schedule: LearningRateSchedule, peak: float, steps: int) -> tuple[float, ...]:
    """The rates of steps 0..steps-1. Warm-up rises linearly and reaches `peak` on its last step.

    Pure, because RSST solves its strength over the rates a state will really use, and a resumed state must see the
    same ones. Cosine: Loshchilov & Hutter 2017, without restarts.
    """
    warmup = min(math.ceil(schedule.warmup * steps), steps - 1) if steps > 1 else 0
    return tuple(
        peak * (step + 1) / warmup
        if step < warmup
        else peak * _share(schedule, step - warmup, steps - warmup, step / steps)
        for step in range(steps)
    )


def _share(schedule: LearningRateSchedule, step: int, steps: int, progress: float) -> float:
    if schedule.kind == "constant":
        return 1.0
    if schedule.kind == "multi_step":
        return float(schedule.gamma ** sum(progress >= milestone for milestone in schedule.milestones))
    cosine = 0.5 * (1.0 + math.cos(math.pi * step / steps))
    return schedule.final + (1.0 - schedule.final) * cosine
