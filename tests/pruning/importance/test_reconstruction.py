"""Units chosen together with the repair, against solving the reading layer again for every candidate."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pruning.importance import downdates
from pruning.importance.downdates import Downdated
from pruning.importance.reconstruction import in_order_of_removal
from pruning.importance.solved_again import RIDGE
from tests.pruning.importance.cases import CASES, Case, scored
from tests.pruning.importance.reading import by_brute_force, reading


@CASES
def test_reconstruction_is_greedy_with_the_layer_solved_again_for_every_candidate(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    found = scored("reconstruction", model, groups, data)
    for group in groups:
        expected = by_brute_force(*reading(model, group, data))
        assert found[group.name].tolist() == pytest.approx(expected, rel=1e-4)
        assert len(set(found[group.name].tolist())) == group.count


def made(units: int, each: int, outputs: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Weights and H of one layer whose inputs go together."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(4 * units * each, units * each, generator=generator, dtype=torch.float64)
    rows = rows @ torch.randn(units * each, units * each, generator=generator, dtype=torch.float64)
    hessian = rows.T @ rows
    ridge = RIDGE * hessian.diagonal().mean() * torch.eye(len(hessian))
    return torch.randn(outputs, units * each, generator=generator, dtype=torch.float64), hessian + ridge


@pytest.mark.parametrize(("units", "each"), [(40, 1), (20, 9), (3, 21)])
def test_over_many_removals_the_downdates_are_what_solving_again_gives(
    monkeypatch: pytest.MonkeyPatch, units: int, each: int
) -> None:
    monkeypatch.setattr(downdates, "PENDING", 16)
    weights, hessian = made(units, each)
    layer = Downdated(weights, torch.linalg.inv(hessian), units)
    gone: list[int] = []
    lost = 0.0
    for unit in torch.randperm(units, generator=torch.Generator().manual_seed(1)).tolist():
        foreseen = float(layer.costs()[unit])
        added = layer.remove(unit)
        assert added == pytest.approx(foreseen, rel=1e-6)
        lost += added
        gone += range(unit * each, (unit + 1) * each)
        through = weights[:, gone] @ torch.linalg.inv(torch.linalg.inv(hessian)[gone][:, gone]) @ weights[:, gone].T
        assert lost == pytest.approx(float(through.trace()), rel=1e-6)
        assert bool(layer.costs()[unit].isinf())


def test_two_layers_that_read_a_group_are_weighed_together() -> None:
    (first, hessian), (second, other) = made(6, 1), made(6, 4, seed=1)
    pair = [Downdated(first, torch.linalg.inv(hessian), 6), Downdated(second, torch.linalg.inv(other), 6)]
    order = in_order_of_removal(pair, 6).argsort().tolist()
    alone, expected = [(first, hessian, 1), (second, other, 4)], list[int]()
    while len(expected) < 6:
        errors = {}
        for unit in set(range(6)) - set(expected):
            errors[unit] = 0.0
            for weights, full, each in alone:
                at = [one * each + place for one in [*expected, unit] for place in range(each)]
                block = torch.linalg.inv(torch.linalg.inv(full)[at][:, at])
                errors[unit] += float((weights[:, at] @ block @ weights[:, at].T).trace())
        expected.append(min(errors, key=lambda one: errors[one]))
    assert order == expected


def test_of_twins_one_goes_first_and_the_other_is_then_the_dearest() -> None:
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(400, 8, generator=generator, dtype=torch.float64)
    rows[:, 5] = rows[:, 2]
    inverse = torch.linalg.inv(rows.T @ rows + 1e-6 * torch.eye(8))
    weights = torch.ones(4, 8, dtype=torch.float64)
    by_itself = Downdated(weights, inverse, 8).costs()
    assert float(by_itself[[2, 5]].max()) < 1e-4 * float(by_itself.median()), "each is to be had for nothing"
    order = in_order_of_removal([Downdated(weights, inverse, 8)], 8).argsort().tolist()
    assert {order[0], order[-1]} == {2, 5}
