from __future__ import annotations

import math
from typing import Any

import pytest

from models.errors import UserError
from pruning.catalogue import METHODS, RsstConfig
from pruning.methods import StatePlan, get_method
from tests.pruning.method_contract import DROP, RATES, check_contract


def rsst(**settings: Any) -> StatePlan:
    return get_method("rsst").plan(DROP, RATES, RsstConfig(**settings))


@pytest.mark.parametrize("name", METHODS)
def test_every_method_keeps_the_contract(name: str) -> None:
    check_contract(name)


@pytest.mark.parametrize("name", [name for name, traits in METHODS.items() if not traits.makes_smaller])
def test_a_method_that_removes_nothing_refuses_a_drop_set(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        get_method(name).plan(DROP, RATES, RsstConfig())


def test_refill_and_rsst_differ_in_nothing_but_when() -> None:
    refill = get_method("refill").plan(DROP, RATES, RsstConfig())
    assert refill.remove_now == rsst().shrink == DROP
    for trait in ("criterion", "schedule", "is_control", "makes_smaller", "masks", "from_scratch"):
        assert getattr(METHODS["refill"], trait) == getattr(METHODS["rsst"], trait)


@pytest.mark.parametrize("shrink", [0.5, 0.1, 1e-3])
def test_rsst_leaves_the_asked_share_by_the_end_of_the_ramp_then_holds_then_removes(shrink: float) -> None:
    plan = rsst(curve="x", shrink=shrink, ramp=0.5, hold=0.25)
    left = math.prod(1 - rate * strength for rate, strength in zip(RATES[:20], plan.strengths[:20], strict=True))
    assert left == pytest.approx(shrink, rel=1e-9)
    assert plan.strengths[19:30] == (max(plan.strengths),) * 11
    assert plan.strengths[30:] == (0.0,) * 10
    assert plan.remove_after_step == 30


def test_rsst_with_lambda_max_takes_it_as_it_is() -> None:
    plan = rsst(curve="x", lambda_max=4.0, ramp=0.5, hold=0.5, coupling="gradient")
    assert plan.coupling == "gradient"
    assert plan.strengths[:3] == pytest.approx((0.2, 0.4, 0.6))
    assert max(plan.strengths) == 4.0
    assert plan.remove_after_step == 40


def test_a_strength_that_would_turn_the_sign_is_told_in_one_line() -> None:
    with pytest.raises(UserError, match=r"^prune\.rsst\.lambda_max: at step .* expected below 1 .*lower") as caught:
        rsst(lambda_max=5000.0)
    assert "\n" not in str(caught.value)


def test_a_hold_whose_rising_rate_would_turn_the_sign_is_refused() -> None:
    rates = [1e-4] * 10 + [1e-1] * 10
    with pytest.raises(UserError, match=r"shrink: at step .* set prune\.rsst\.hold to 0"):
        get_method("rsst").plan(DROP, rates, RsstConfig(shrink=1e-3, ramp=0.5, hold=0.5))


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UserError, match="the nearest is refill"):
        get_method("refil")
