"""What every method of the catalogue owes: the seven here, and any that is added."""

from __future__ import annotations

import math

from pruning.catalogue import CRITERIA, METHODS, RsstConfig
from pruning.methods import StatePlan, get_method
from pruning.schedules import SCHEDULES

DROP = {"blocks.0.attn": (0, 2), "blocks.1.mlp": (5,)}
RATES = [1e-3 * (0.5 + 0.5 * math.cos(math.pi * step / 40)) for step in range(40)]


def check_contract(name: str) -> None:
    """Its class is found, its traits name what there is, and its plan accounts for the whole drop set exactly once."""
    method = get_method(name)
    assert method.traits is METHODS[name]
    assert method.traits.criterion is None or method.traits.criterion in CRITERIA
    assert method.traits.schedule is None or method.traits.schedule in SCHEDULES
    assert method.plan({}, RATES, RsstConfig()) == StatePlan()
    drop = DROP if method.traits.makes_smaller else {}
    plan = method.plan(drop, RATES, RsstConfig())
    assert {**plan.remove_now, **plan.shrink} == drop
    assert not set(plan.remove_now) & set(plan.shrink)
    assert bool(plan.shrink) == bool(plan.strengths) == (plan.remove_after_step is not None)
    if plan.shrink:
        assert len(plan.strengths) == len(RATES)
        assert plan.remove_after_step in range(1, len(RATES) + 1)
        assert not any(plan.strengths[plan.remove_after_step :])
