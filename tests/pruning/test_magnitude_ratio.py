from __future__ import annotations

import math

import pytest
import torch

from pruning.magnitude_ratio import magnitude_ratio
from pruning.penalty import apply_decoupled, penalised
from tests.pruning.nets import token_net


def test_against_the_elements_themselves() -> None:
    model, groups = token_net()
    hidden = model.mlp[0]
    rows = [2, 5]
    rest = [unit for unit in range(10) if unit not in rows]
    pieces = [hidden.fc1.weight.detach(), hidden.fc1.bias.detach()[:, None], hidden.fc2.weight.detach().T]
    gone = torch.cat([piece[rows].flatten() for piece in pieces]).double()
    kept = torch.cat([piece[rest].flatten() for piece in pieces]).double()
    found = magnitude_ratio(model, groups, {"mlp.0": (2, 5)})
    assert found is not None
    assert found.mean == pytest.approx(float(kept.abs().mean() / gone.abs().mean()))
    assert found.rms == pytest.approx(float(kept.square().mean().sqrt() / gone.square().mean().sqrt()))


def test_shrinking_the_drop_set_by_a_hundred_raises_the_ratio_by_a_hundred() -> None:
    model, groups = token_net()
    positions = {"attn.0": (1,), "mlp.1": (0, 1, 2)}
    before = magnitude_ratio(model, groups, positions)
    apply_decoupled(penalised(model, groups, positions), 0.99)
    after = magnitude_ratio(model, groups, positions)
    assert before is not None
    assert after is not None
    assert after.mean == pytest.approx(100 * before.mean, rel=1e-4)
    assert after.rms == pytest.approx(100 * before.rms, rel=1e-4)


def test_nothing_dropped_and_everything_dropped_have_no_ratio_and_zeros_an_infinite_one() -> None:
    model, groups = token_net()
    assert magnitude_ratio(model, groups, {}) is None
    assert magnitude_ratio(model, groups, {"attn.0": (0, 1, 2)}) is None
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    found = magnitude_ratio(model, groups, {"attn.0": (0,)})
    assert found is not None
    assert math.isinf(found.mean)
