"""Criteria that judge a unit by the layer that reads it, or by the other units, against formulas written out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from pruning.importance.solved_again import RIDGE
from tests.pruning.importance.cases import CASES, Case, full_loss, scored, tokens
from tests.pruning.importance.reading import error_without, reading


@CASES
def test_wanda_is_the_inputs_norm_times_the_norm_of_its_column_summed_over_the_units_inputs(
    case: Callable[[], Case],
) -> None:
    model, groups, data = case()
    found = scored("wanda", model, groups, data)
    for group in groups:
        rows, weight, inputs, _ = reading(model, group, data)
        expected = [
            sum(float(rows[:, j].square().mean().sqrt() * weight[:, j].square().sum().sqrt()) for j in unit)
            for unit in inputs
        ]
        assert found[group.name].tolist() == pytest.approx(expected, rel=1e-5)


@CASES
def test_taylor_group_squares_the_whole_units_sum(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    found = scored("taylor_group", model, groups, data)
    full_loss(model.eval(), data).backward()
    for group in groups:
        for unit in range(group.count):
            change = 0.0
            for tied in group.slices:
                if tied.is_parameter:
                    parameter = model.get_parameter(tied.tensor)
                    product = (parameter.detach() * parameter.grad).double()
                    change += sum(float(product.select(tied.dim, index).sum()) for index in tied.index[unit].tolist())
            assert float(found[group.name][unit]) == pytest.approx(change**2, rel=1e-2, abs=1e-9)


@CASES
def test_fpgm_sums_the_distances_to_all_other_units(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    found = scored("fpgm", model, groups, data)
    for group in groups:
        vectors = [
            [
                value
                for tied in group.slices
                if tied.is_parameter
                for index in tied.index[unit].tolist()
                for value in model.get_parameter(tied.tensor).detach().select(tied.dim, index).flatten().tolist()
            ]
            for unit in range(group.count)
        ]
        expected = [
            sum(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 for other in vectors)
            for one in vectors
        ]
        assert found[group.name].tolist() == pytest.approx(expected, rel=1e-6)


@CASES
def test_obs_is_the_error_of_the_layer_solved_again_without_the_unit(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    found = scored("obs", model, groups, data)
    for group in groups:
        rows, weight, inputs, has_bias = reading(model, group, data)
        expected = [error_without(unit, rows, weight, has_bias) for unit in inputs]
        assert found[group.name].tolist() == pytest.approx(expected, rel=1e-4)


def test_obs_of_single_inputs_is_the_square_of_the_weight_over_the_inverse_hessians_diagonal() -> None:
    model, groups, data = tokens()
    rows, weight, _, _ = reading(model, groups[1], data)
    centred = rows - rows.mean(0)
    gram = centred.T @ centred
    inverse = torch.linalg.inv(gram + RIDGE * gram.diagonal().mean() * torch.eye(len(gram)))
    varies = (centred @ weight.T).square().sum()
    expected = weight.square().sum(0) / inverse.diagonal() / varies
    torch.testing.assert_close(scored("obs", model, groups, data)["mlp.0"], expected, rtol=1e-5, atol=0)
