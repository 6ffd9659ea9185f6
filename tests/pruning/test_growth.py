from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import UserError
from pruning.growth import (
    CURVES,
    check_decoupled,
    growth,
    lambdas,
    left_by_gradient,
    left_by_shrinking,
    phases,
    ramp_values,
    solve_lambda_max,
)


@pytest.mark.parametrize("curve", CURVES)
@given(exponent=st.floats(0.25, 8.0))
def test_every_curve_rises_from_0_to_1(curve: str, exponent: float) -> None:
    values = [growth(curve, step / 50, exponent) for step in range(51)]
    assert values[0] == 0.0
    assert values[-1] == pytest.approx(1.0, abs=1e-15)
    assert all(before < after for before, after in pairwise(values))


def test_closed_forms() -> None:
    assert growth("x", 0.3) == 0.3
    assert growth("x^2", 0.3) == pytest.approx(0.09)
    assert growth("x^3", 0.3) == pytest.approx(0.027)
    assert growth("exp", 0.3) == pytest.approx((math.e**0.3 - 1) / (math.e - 1))
    assert growth("exp_custom", 0.3) == growth("exp", 0.3)
    assert growth("exp_custom_exponents", 0.3, 4.0) == pytest.approx((math.e ** (0.3**4) - 1) / (math.e - 1))


@pytest.mark.parametrize(("exponent", "mean"), [(1, 0.42), (2, 0.27), (3, 0.20), (4, 0.158), (6, 0.112)])
def test_mean_strength_over_the_ramp(exponent: float, mean: float) -> None:
    values = ramp_values("exp_custom_exponents", exponent, 10000)
    assert sum(values) / len(values) == pytest.approx(mean, abs=0.005)


def test_phases_in_whole_steps() -> None:
    span = phases(10, 0.5, 0.2)
    assert (span.ramp, span.remove_after) == (5, 7)
    assert phases(1, 0.1, 0.1).remove_after == 1
    assert phases(100, 0.7, 0.3).remove_after == 100


@given(steps=st.integers(1, 5000), ramp=st.floats(0.01, 1.0), rest=st.floats(0.0, 1.0))
def test_removal_lies_within_the_state_and_not_before_the_ramp_ends(steps: int, ramp: float, rest: float) -> None:
    hold = min(0.999, (1.0 - ramp) * rest)
    span = phases(steps, ramp, hold)
    assert 1 <= span.ramp <= span.remove_after <= steps
    strengths = lambdas("x^2", 1.0, 5.0, span, steps)
    assert len(strengths) == steps
    assert all(before <= after for before, after in pairwise(strengths[: span.remove_after]))
    assert strengths[span.ramp - 1] == strengths[span.remove_after - 1] == 5.0
    assert not any(strengths[span.remove_after :])


@settings(max_examples=60, deadline=None)
@given(
    shrink=st.floats(1e-6, 0.99),
    steps=st.integers(2, 300),
    peak=st.floats(1e-5, 1.0),
    curve=st.sampled_from(sorted(CURVES)),
    warm_up=st.integers(0, 20),
)
def test_the_solved_strength_shrinks_a_weight_as_asked(shrink, steps, peak, curve, warm_up) -> None:
    rates = [
        peak * min(1.0, (t + 1) / (warm_up + 1)) * (0.51 + 0.49 * math.cos(math.pi * t / steps)) for t in range(steps)
    ]
    values = ramp_values(curve, 2.0, steps)
    lambda_max = solve_lambda_max(shrink, rates, values)
    weight = 1.0
    for rate, value in zip(rates, values, strict=True):
        assert 0.0 <= rate * lambda_max * value < 1.0
        weight *= 1.0 - rate * lambda_max * value
    assert weight == pytest.approx(shrink, rel=1e-6)


def test_constant_rate_and_strength_have_a_closed_form() -> None:
    assert solve_lambda_max(0.01, [1e-3] * 50, [1.0] * 50) == pytest.approx((1 - 0.01 ** (1 / 50)) / 1e-3, rel=1e-9)


def test_the_strength_makes_up_for_rate_and_length() -> None:
    short, long = ramp_values("x", 1.0, 70), ramp_values("x", 1.0, 7000)
    weak = solve_lambda_max(0.01, [1e-3] * 7000, long)
    assert solve_lambda_max(0.01, [1e-2] * 7000, long) == pytest.approx(weak / 10, rel=1e-9)
    assert solve_lambda_max(0.01, [1e-3] * 70, short) > 90 * weak


def test_lambda_max_1_at_a_rate_of_1e_3_over_70_steps_removes_about_2_percent() -> None:
    left = math.prod(1 - 1e-3 * value for value in ramp_values("exp_custom_exponents", 2.0, 70))
    assert 1 - left == pytest.approx(0.02, abs=0.003)


def test_a_rate_of_zero_over_the_whole_ramp_cannot_shrink() -> None:
    with pytest.raises(UserError, match=r"learning rate is 0 in all 3 steps.*raise train\.lr"):
        solve_lambda_max(0.1, [0.0] * 3, [0.1, 0.5, 1.0])


def test_more_than_one_step_can_do_is_refused() -> None:
    with pytest.raises(UserError, match=r"1 or more in 1 ramp steps"):
        solve_lambda_max(1e-300, [1e-3], [1.0])


def test_a_step_that_would_turn_the_sign_is_refused() -> None:
    with pytest.raises(UserError, match=r"lambda_max: at step 1 .* 1\.2, expected below 1"):
        check_decoupled([10.0, 12.0], [0.01, 0.1], "prune.rsst.lambda_max")


def test_what_shrinking_leaves_is_the_product_over_ramp_and_hold() -> None:
    assert left_by_shrinking([10.0, 20.0, 20.0], [0.01, 0.01, 0.02]) == pytest.approx(0.9 * 0.8 * 0.6)
    assert left_by_shrinking([1.0] * 15, [1e-3] * 15) == pytest.approx(0.985, abs=1e-3), "next to nothing"


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("strength", [0.5, 5.0, 200.0])
def test_what_the_gradient_form_leaves_is_what_sgd_makes_of_it(momentum: float, strength: float) -> None:
    """200 overshoots, and the weight grows."""
    strengths, rates = [strength * value for value in ramp_values("x", 1.0, 20)], [0.02] * 20
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=0.02, momentum=momentum, nesterov=momentum > 0)
    for one in strengths:
        weight.grad = one * weight.detach()
        optimizer.step()
    assert left_by_gradient(strengths, rates, momentum) == pytest.approx(float(weight.detach()), rel=1e-9)
