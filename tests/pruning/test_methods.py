from __future__ import annotations

import math
from dataclasses import replace

import pytest

from models.errors import UserError
from pruning.importance import CRITERIA
from pruning.methods import METHODS, RsstSettings, get_method
from pruning.schedules import SCHEDULES

DROP = {"blocks.0.attn": (0, 2), "blocks.1.mlp": (5,)}
RATES = [1e-3 * (0.5 + 0.5 * math.cos(math.pi * step / 40)) for step in range(40)]
SETTINGS = RsstSettings()


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_every_method_accounts_for_the_whole_drop_set_exactly_once(method) -> None:
    assert METHODS[method.name] is method
    assert method.criterion is None or method.criterion in CRITERIA
    assert method.schedule is None or method.schedule in SCHEDULES
    plan = method.plan(DROP if method.removes else {}, RATES, SETTINGS)
    assert {**plan.remove_now, **plan.shrink} == (DROP if method.removes else {})
    assert not set(plan.remove_now) & set(plan.shrink)
    assert bool(plan.shrink) == bool(plan.strengths) == (plan.remove_after_step is not None)
    if plan.shrink:
        assert len(plan.strengths) == len(RATES)
        assert 1 <= plan.remove_after_step <= len(RATES)


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_an_empty_drop_set_is_an_empty_plan(method) -> None:
    plan = method.plan({}, RATES, SETTINGS)
    assert not plan.remove_now
    assert not plan.shrink
    assert not plan.strengths
    assert plan.remove_after_step is None


@pytest.mark.parametrize("name", ["dense", "scratch", "imp"])
def test_a_control_that_removes_nothing_refuses_a_drop_set(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        METHODS[name].plan(DROP, RATES, None)


def test_controls_say_what_they_change() -> None:
    assert METHODS["random"].criterion == "random"
    assert METHODS["one_shot"].schedule == "one_shot"
    assert [name for name, method in METHODS.items() if not method.removes] == ["dense", "scratch", "imp"]
    assert [name for name, method in METHODS.items() if method.masks] == ["imp"]
    assert [name for name, method in METHODS.items() if method.from_scratch] == ["scratch"]


def test_refill_and_rsst_differ_in_nothing_but_when() -> None:
    refill, rsst = METHODS["refill"].plan(DROP, RATES, None), METHODS["rsst"].plan(DROP, RATES, SETTINGS)
    assert refill.remove_now == rsst.shrink == DROP
    for field in ("criterion", "schedule", "removes", "masks", "from_scratch"):
        assert getattr(METHODS["refill"], field) == getattr(METHODS["rsst"], field)


@pytest.mark.parametrize("shrink", [0.5, 0.1, 1e-3])
def test_rsst_leaves_the_asked_share_by_the_end_of_the_ramp_then_holds_then_removes(shrink: float) -> None:
    settings = RsstSettings(curve="x", shrink=shrink, ramp=0.5, hold=0.25)
    plan = METHODS["rsst"].plan(DROP, RATES, settings)
    left = math.prod(1 - rate * strength for rate, strength in zip(RATES[:20], plan.strengths[:20], strict=True))
    assert left == pytest.approx(shrink, rel=1e-9)
    assert plan.strengths[19:30] == (max(plan.strengths),) * 11
    assert plan.strengths[30:] == (0.0,) * 10
    assert plan.remove_after_step == 30


def test_rsst_with_lambda_max_takes_it_as_it_is() -> None:
    settings = RsstSettings(curve="x", shrink=None, lambda_max=4.0, ramp=0.5, hold=0.5, coupling="gradient")
    plan = METHODS["rsst"].plan(DROP, RATES, settings)
    assert plan.coupling == "gradient"
    assert plan.strengths[:3] == pytest.approx((0.2, 0.4, 0.6))
    assert max(plan.strengths) == 4.0
    assert plan.remove_after_step == 40


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shrink": None}, "exactly one"),
        ({"lambda_max": 1.0}, "exactly one"),
        ({"coupling": "gradient"}, "needs coupling 'decoupled'"),
        ({"coupling": "gradiant"}, "did you mean 'gradient'"),
        ({"curve": "x^4"}, "prune.rsst.curve"),
        ({"exponent": 0.0}, "prune.rsst.exponent"),
        ({"ramp": 0.8, "hold": 0.4}, "at most 1"),
        ({"shrink": 1.5}, "prune.rsst.shrink"),
        ({"shrink": None, "lambda_max": -1.0}, "prune.rsst.lambda_max"),
        ({"shrink": None, "lambda_max": 5000.0}, "expected below 1"),
    ],
)
def test_rsst_mistakes_are_told_in_one_line(change, words: str) -> None:
    with pytest.raises(UserError) as caught:
        METHODS["rsst"].plan(DROP, RATES, replace(SETTINGS, **change))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_hold_whose_rising_rate_would_turn_the_sign_is_refused() -> None:
    rates = [1e-4] * 10 + [1e-1] * 10
    with pytest.raises(UserError, match=r"shrink: at step .* set prune\.rsst\.hold to 0"):
        METHODS["rsst"].plan(DROP, rates, RsstSettings(shrink=1e-3, ramp=0.5, hold=0.5))


def test_rsst_without_settings_is_a_mistake() -> None:
    with pytest.raises(UserError, match=r"prune\.rsst: missing"):
        METHODS["rsst"].plan(DROP, RATES, None)


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'refill'"):
        get_method("refil")
