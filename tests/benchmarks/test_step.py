"""The step's benchmark: its loops take the same steps, so their times compare."""

from __future__ import annotations

import copy

import torch

from benchmarks.step import Case, bare, config_of, measure, ours
from trainables.files.record import Identity
from trainables.prepare import prepare

CASE = Case("vit_micro", 8, 32, "both")


def test_a_bare_loop_ends_where_a_trial_does() -> None:
    """On one batch, whose order plays no part."""
    running = prepare(Identity("step"), config_of(CASE, 1)).procedure.start_state()
    model = copy.deepcopy(running.engine.model)
    before = copy.deepcopy(model)
    ours(running)(0)
    bare(running, model, fused=True)(0)
    pairs = zip(before.parameters(), running.engine.model.parameters(), model.parameters(), strict=True)
    for start, trained, other in pairs:
        assert not torch.equal(start, trained)
        # Adam's first step is about the learning rate in each weight; where a gradient is next to nothing, its sign is chance.
        assert ((trained - other).abs() < 1e-5).double().mean() > 0.99


def test_it_tells_milliseconds_and_ratios() -> None:
    found = measure(CASE, rounds=1, steps=2)
    assert found["of_best"] > 0
    assert found["case"] == "vit_micro at 8 px, batches of 32"
    assert all(found[f"{name}_milliseconds"] > 0 for name in ("ours", "bare", "best"))
