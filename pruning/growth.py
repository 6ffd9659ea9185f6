"""How the RSST penalty's strength grows over a state, and how strong it must be to shrink its units as asked.

lambda_t = lambda_max * f(tau_t). Ramp step i (from 0) of R has tau = (i+1)/R, so that the last one has tau = 1; then
lambda holds at lambda_max; then the units are removed. GReg (Wang et al., ICLR 2021, arXiv 2012.09243) and RST (Bai et
al., ICLR 2022, arXiv 2203.04248) let lambda grow by a constant per update, which is the curve `x`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from models.errors import UserError
from pruning.catalogue import Curve

BISECTIONS = 200
NEARLY_ONE = 1.0 - 1e-12  # lr*lambda stays below 1: at 1 a weight is gone, beyond it changes sign


def _exponential(tau: float) -> float:
    return math.expm1(tau) / math.expm1(1.0)


CURVES: dict[Curve, Callable[[float, float], float]] = {
    "x": lambda tau, exponent: tau,
    "x^2": lambda tau, exponent: tau**2,
    "x^3": lambda tau, exponent: tau**3,
    "exp": lambda tau, exponent: _exponential(tau),
    "exp_custom": lambda tau, exponent: _exponential(tau),
    "exp_custom_exponents": lambda tau, exponent: _exponential(tau**exponent),
}


def growth(curve: Curve, tau: float, exponent: float = 1.0) -> float:
    """f(tau) in [0, 1] for tau in [0, 1]; f(0) = 0, f(1) = 1. `exponent` p > 0 acts in `exp_custom_exponents` alone."""
    if not 0.0 <= tau <= 1.0:
        raise ValueError(f"tau {tau} lies outside [0, 1]")
    return CURVES[curve](tau, exponent)


@dataclass(frozen=True)
class Phases:
    """Optimiser steps of a state: the ramp's, and the step count after which the units are removed (ramp and hold)."""

    ramp: int
    remove_after: int


def phases(steps: int, ramp: float, hold: float) -> Phases:
    """Ramp and hold of a state of `steps` >= 1 optimiser steps, in whole steps, at least one of them ramp."""
    if steps < 1:
        raise ValueError(f"a state needs at least one optimiser step, found {steps}")
    ramp_steps = max(1, _nearest(ramp * steps))
    return Phases(ramp_steps, min(steps, max(ramp_steps, _nearest((ramp + hold) * steps))))


def lambdas(curve: Curve, exponent: float, lambda_max: float, span: Phases, steps: int) -> tuple[float, ...]:
    """lambda at each of the state's `steps` optimiser steps: the ramp, the hold, then 0 once the units are removed."""
    rise = [lambda_max * value for value in ramp_values(curve, exponent, span.ramp)]
    level = [lambda_max] * (span.remove_after - span.ramp)
    return (*rise, *level, *([0.0] * (steps - span.remove_after)))


def ramp_values(curve: Curve, exponent: float, ramp_steps: int) -> tuple[float, ...]:
    """f(tau) at each ramp step; the last is 1."""
    return tuple(growth(curve, (step + 1) / ramp_steps, exponent) for step in range(ramp_steps))


def solve_lambda_max(shrink: float, learning_rates: Sequence[float], values: Sequence[float]) -> float:
    """The lambda_max with which decoupled shrinking alone leaves the share `shrink` by the end of the ramp.

    Solves prod(1 - lr_t * lambda_max * f_t) = shrink by bisection in float64 over the ramp's actual learning rates
    (one for each of `values`, the f_t). Every lr_t * lambda_max * f_t of the answer is below 1.
    Raises UserError where every learning rate of the ramp is 0, or where no such lambda_max exists.
    """
    if len(learning_rates) != len(values):
        raise ValueError(f"{len(learning_rates)} learning rates for {len(values)} ramp steps")
    pull = torch.tensor(learning_rates, dtype=torch.float64) * torch.tensor(values, dtype=torch.float64)
    steepest = float(pull.max())
    if steepest <= 0.0:
        raise UserError(
            f"the learning rate is 0 in all {len(values)} steps of the ramp, so nothing can shrink; "
            "raise train.lr or prune.rsst.ramp",
            key="prune.rsst.shrink",
        )
    wanted = math.log(shrink)
    low, high = 0.0, NEARLY_ONE / steepest
    if _log_left(pull, high) > wanted:
        raise UserError(
            f"{shrink} would need lr*lambda of 1 or more in {len(values)} ramp steps; "
            "raise prune.rsst.shrink, prune.rsst.ramp or train.epochs_per_state",
            key="prune.rsst.shrink",
        )
    for _ in range(BISECTIONS):
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        if _log_left(pull, middle) > wanted:
            low = middle
        else:
            high = middle
    return high


def left_by_shrinking(strengths: Sequence[float], learning_rates: Sequence[float]) -> float:
    """prod(1 - lr_t*lambda_t): the share of a weight that the decoupled penalty alone leaves by its removal."""
    return math.prod(1.0 - rate * strength for strength, rate in zip(strengths, learning_rates, strict=True))


def left_by_gradient(strengths: Sequence[float], learning_rates: Sequence[float], momentum: float) -> float:
    """The same where lambda_t*w is added to the gradient of SGD: v <- m*v + lambda_t*w, w <- w - lr_t*(lambda_t*w + m*v).

    That is SGD with Nesterov's momentum m in [0, 1), a weight of 1 and no gradient but the penalty's. Its size above 1
    says that the penalty overshoots, and the weights grow.
    """
    weight, velocity = 1.0, 0.0
    for strength, rate in zip(strengths, learning_rates, strict=True):
        gradient = strength * weight
        velocity = momentum * velocity + gradient
        weight -= rate * (gradient + momentum * velocity)
    return weight


def check_decoupled(strengths: Sequence[float], learning_rates: Sequence[float], key: str) -> None:
    """UserError where a step has lr*lambda >= 1, which would turn the weights' sign instead of shrinking them."""
    for step, (strength, rate) in enumerate(zip(strengths, learning_rates, strict=True)):
        if strength * rate >= 1.0:
            raise UserError(
                f"at step {step} of the state lr*lambda is {strength * rate:.3g}, expected below 1 "
                f"(lr {rate:.3g}, lambda {strength:.3g}); {_remedy(key)}",
                key=key,
            )


def _remedy(key: str) -> str:
    if key.endswith("shrink"):
        return "raise prune.rsst.shrink or prune.rsst.ramp, or set prune.rsst.hold to 0"
    return "lower prune.rsst.lambda_max or train.lr"


def _log_left(pull: torch.Tensor, lambda_max: float) -> float:
    return float(torch.log1p(-lambda_max * pull).sum())


def _nearest(value: float) -> int:
    return math.floor(value + 0.5)
