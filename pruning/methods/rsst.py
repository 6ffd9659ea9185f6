"""RSST: the drop set stays while the state trains, is shrunk by a growing penalty, and goes once it is near zero.

The growing L2 penalty of GReg (Wang et al., ICLR 2021, arXiv 2012.09243) and RST (Bai et al., ICLR 2022, arXiv
2203.04248), on whole units and over the state's actual learning rates.
"""

from __future__ import annotations

from collections.abc import Sequence

from pruning.allocation import Drop
from pruning.catalogue import RsstConfig
from pruning.growth import Phases, check_decoupled, lambdas, phases, ramp_values, solve_lambda_max
from pruning.methods.base import Method, StatePlan


class Rsst(Method):
    """The method; what its settings alone can get wrong is refused by `RsstConfig`, before there are learning rates."""

    def plan(self, drop: Drop, learning_rates: Sequence[float], settings: RsstConfig) -> StatePlan:
        """Shrinks `drop` over the ramp and the hold, then removes it; UserError where the rates do not allow it."""
        if not drop:
            return StatePlan()
        steps = len(learning_rates)
        span = phases(steps, settings.ramp, settings.hold)
        lambda_max = strongest(settings, learning_rates, span)
        strengths = lambdas(settings.curve, settings.exponent, lambda_max, span, steps)
        if settings.coupling == "decoupled":
            key = "prune.rsst.shrink" if settings.lambda_max is None else "prune.rsst.lambda_max"
            check_decoupled(strengths, learning_rates, key)
        return StatePlan(
            shrink=dict(drop), strengths=strengths, coupling=settings.coupling, remove_after_step=span.remove_after
        )


def strongest(settings: RsstConfig, learning_rates: Sequence[float], span: Phases) -> float:
    """lambda_max: as given, or solved from the shrink in force over the ramp's learning rates."""
    if settings.lambda_max is not None:
        return settings.lambda_max
    values = ramp_values(settings.curve, settings.exponent, span.ramp)
    return solve_lambda_max(settings.effective_shrink, learning_rates[: span.ramp], values)
