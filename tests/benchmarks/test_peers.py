"""The comparison with Torch-Pruning, which is an extra: what needs it is skipped where it is not installed."""

from __future__ import annotations

import argparse
import sys

import pytest
import torch

from benchmarks import peers
from benchmarks.support.torch_pruning import library
from models.errors import UserError

OPTIONS = argparse.Namespace(macs=0.5, epochs=1, dense_epochs=1, seeds=[0], networks=["vit_micro"])


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_pruning", None)
    with pytest.raises(UserError, match=r"uv pip install -e \.\[peers\]"):
        library()


@pytest.mark.parametrize("repaired", [False, True])
def test_our_side_ends_at_the_target_and_trains(repaired: bool) -> None:
    procedure = peers.procedure_of(peers.NETWORKS["vit_micro"], OPTIONS, 0)

    def cut() -> torch.nn.Module:
        peers.cut_by_us(procedure, repaired=repaired)
        return procedure.network.model

    found = peers.outcome_of(procedure, cut, OPTIONS)
    assert 0.4 < found.macs <= 0.5
    assert found.trained > 0.2


def test_both_sides_run_and_agree_on_every_group() -> None:
    pytest.importorskip("torch_pruning")
    found = peers.measure(OPTIONS)["networks"]["vit_micro"]
    assert (found["groups_compared"], found["groups_differing"]) == (8, [])
    assert all(0.3 < results[0]["macs"] <= 0.5 for results in found["tools"].values())
