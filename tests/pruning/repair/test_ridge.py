"""The sums, the solution and the choice of its strength, against explicit rows and NumPy's least squares."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pruning.repair.moments import Moments
from pruning.repair.ridge import AS_GOOD, STRENGTHS, again, best, only_mean, solve


def rows(seed: int, count: int, kept: int = 5, outputs: int = 3, noise: float = 0.3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, kept, generator=generator, dtype=torch.float64) + 0.7
    through = torch.randn(kept, outputs, generator=generator, dtype=torch.float64)
    away = torch.randn(count, outputs, generator=generator, dtype=torch.float64)
    return inputs, inputs @ through + 2.0 + noise * away


@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("strength", [1e-6, 1e-2, 1.0])
def test_the_solution_is_that_of_rows_with_the_ridge_as_further_rows(has_bias: bool, strength: float) -> None:
    inputs, lost = rows(0, 40)
    found = solve(Moments.of(inputs, lost), strength, has_bias)
    assert found is not None
    a, y = inputs.numpy(), lost.numpy()
    means = (a.mean(0), y.mean(0)) if has_bias else (0.0, 0.0)
    ridge = np.sqrt(strength * ((a - means[0]) ** 2).sum(0).mean())
    stacked = np.vstack([a - means[0], ridge * np.eye(a.shape[1])])
    expected, *_ = np.linalg.lstsq(stacked, np.vstack([y - means[1], np.zeros((5, 3))]), rcond=None)
    np.testing.assert_allclose(found.change.numpy(), expected.T, rtol=1e-9, atol=1e-12)
    shift = means[1] - means[0] @ expected if has_bias else np.zeros(3)
    np.testing.assert_allclose(found.shift.numpy(), shift, rtol=1e-9, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 20))
def test_sums_add_up_and_give_the_error_of_explicit_rows(seed: int, first: int, second: int) -> None:
    inputs, lost = rows(seed, first + second)
    together = Moments.of(inputs[:first], lost[:first]) + Moments.of(inputs[first:], lost[first:])
    change = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    shift = torch.ones(3, dtype=torch.float64)
    expected = (lost - inputs @ change.T - shift).square().sum().item()
    assert together.error(change, shift) == pytest.approx(expected, rel=1e-9)
    outputs = inputs @ change.T + lost
    total, varies = together.output_energy(change)
    assert total == pytest.approx(outputs.square().sum().item(), rel=1e-7)
    assert varies == pytest.approx((outputs - outputs.mean(0)).square().sum().item(), rel=1e-7, abs=1e-8)


def test_the_held_out_rows_choose_a_strong_ridge_where_there_is_only_noise_and_a_weak_one_where_there_is_none() -> None:
    exact, noisy = rows(1, 60, noise=0.0), rows(2, 12, kept=10, noise=30.0)
    strengths = []
    for inputs, lost in (exact, noisy):
        third = len(inputs) // 3
        fitted, held_out = Moments.of(inputs[third:], lost[third:]), Moments.of(inputs[:third], lost[:third])
        strengths.append(best(fitted, held_out, True).strength)
    assert strengths[0] is not None
    assert strengths[0] <= 1e-6
    assert strengths[1] is None or strengths[1] >= 0.01


def test_of_ridges_that_do_as_well_the_strongest_is_taken_so_that_weights_stay_small() -> None:
    """Of two inputs that are nearly the same a weak ridge makes large weights that cancel each other."""
    inputs, _ = rows(4, 60, kept=2)
    inputs[:, 1] = inputs[:, 0] + 1e-4 * inputs[:, 1]
    lost = inputs[:, :1] + 0.3 * torch.randn(60, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    fitted, held_out = Moments.of(inputs[20:], lost[20:]), Moments.of(inputs[:20], lost[:20])
    chosen, weakest = best(fitted, held_out, True), solve(fitted, 1e-8, True)
    assert weakest is not None
    assert weakest.change.norm() > 10 * chosen.change.norm()
    least = min(held_out.error(one.change, one.shift) for s in STRENGTHS if (one := solve(fitted, s, True)) is not None)
    assert held_out.error(chosen.change, chosen.shift) <= AS_GOOD * least + 1e-9


def test_the_mean_alone_is_the_bias_that_makes_the_mean_right() -> None:
    inputs, lost = rows(3, 30)
    found = only_mean(Moments.of(inputs, lost), True)
    assert not found.change.any()
    torch.testing.assert_close(found.shift, lost.mean(0))
    assert not only_mean(Moments.of(inputs, lost), False).shift.any()


@pytest.mark.parametrize(
    "inputs", [torch.zeros(20, 5), torch.ones(20, 5), torch.eye(5).repeat(4, 1)[:, :1].repeat(1, 5)]
)
def test_inputs_of_which_nothing_can_be_made_give_a_finite_answer(inputs: Tensor) -> None:
    moments = Moments.of(inputs.double(), torch.randn(20, 3, dtype=torch.float64))
    for found in (best(moments, moments, True), again(best(moments, moments, True), moments, True)):
        assert found.change.isfinite().all()
        assert moments.error(found.change, found.shift) <= moments.energy + 1e-9
