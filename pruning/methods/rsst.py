"""RSST: the drop set stays while the state trains, is shrunk by a growing penalty, and goes once it is near zero.

The growing L2 penalty of GReg (Wang et al., ICLR 2021, arXiv 2012.09243) and RST (Bai et al., ICLR 2022, arXiv
2203.04248), on whole units and over the state's actual learning rates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import UserError
from pruning.allocation import Drop
from pruning.growth import Phases, check_decoupled, check_shares, growth, lambdas, phases, ramp_values, solve_lambda_max
from pruning.methods.base import COUPLINGS, RsstSettings, StatePlan
from pruning.names import look_up


@dataclass(frozen=True)
class Rsst:
    name: str = "rsst"
    criterion: str | None = None
    schedule: str | None = None
    removes: bool = True
    masks: bool = False
    from_scratch: bool = False

    def plan(self, drop: Drop, learning_rates: Sequence[float], settings: RsstSettings | None) -> StatePlan:
        """Shrinks `drop` over the ramp and the hold, then removes it; UserError where the settings cannot be met."""
        if settings is None:
            raise UserError("prune.rsst: missing; method rsst needs its settings, such as prune.rsst.shrink: 0.01")
        check_settings(settings)
        if not drop:
            return StatePlan()
        steps = len(learning_rates)
        span = phases(steps, settings.ramp, settings.hold)
        lambda_max = strongest(settings, learning_rates, span)
        strengths = lambdas(settings.curve, settings.exponent, lambda_max, span, steps)
        if settings.coupling == "decoupled":
            key = "prune.rsst.lambda_max" if settings.shrink is None else "prune.rsst.shrink"
            check_decoupled(strengths, learning_rates, key)
        return StatePlan(
            shrink=dict(drop), strengths=strengths, coupling=settings.coupling, remove_after_step=span.remove_after
        )


def check_settings(settings: RsstSettings) -> None:
    """UserError for settings that no learning rate could make right."""
    check_shares(settings.ramp, settings.hold)
    growth(settings.curve, 1.0, settings.exponent)
    look_up("prune.rsst.coupling", settings.coupling, dict.fromkeys(COUPLINGS))
    if (settings.shrink is None) == (settings.lambda_max is None):
        raise UserError(
            f"prune.rsst: found shrink {settings.shrink} and lambda_max {settings.lambda_max}; give exactly one of them"
        )
    if settings.shrink is not None and settings.coupling == "gradient":
        raise UserError("prune.rsst.shrink: needs coupling 'decoupled'; with 'gradient' give prune.rsst.lambda_max")
    if settings.shrink is not None and not 0.0 < settings.shrink < 1.0:
        raise UserError(f"prune.rsst.shrink: found {settings.shrink}; it is the share of the weights left, in (0, 1)")
    if settings.lambda_max is not None and not (settings.lambda_max > 0.0 and math.isfinite(settings.lambda_max)):
        raise UserError(f"prune.rsst.lambda_max: found {settings.lambda_max}; it must be above 0 and finite")


def strongest(settings: RsstSettings, learning_rates: Sequence[float], span: Phases) -> float:
    """lambda_max: as given, or solved from `shrink` over the ramp's learning rates."""
    if settings.lambda_max is not None:
        return settings.lambda_max
    if settings.shrink is None:
        raise ValueError("check_settings lets no settings through that give neither strength")
    values = ramp_values(settings.curve, settings.exponent, span.ramp)
    return solve_lambda_max(settings.shrink, learning_rates[: span.ramp], values)


RSST = Rsst()
