"""The baseline that benchmarks measure against does what it says: PyTorch's masks, to the counts that the trial keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.support import masked_trial as baseline
from tests.trainables.small_trials import open_trial, run, small_config


def test_it_masks_as_many_units_as_the_trial_removes_and_trains_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"train": {"epochs_per_state": 1}, "prune": {"scope": "layerwise"}}
    seen: list[float] = []
    kept: list[dict[str, int]] = []
    original = baseline._mask

    def watched(model, groups, counts, config, state) -> None:  # type: ignore[no-untyped-def]
        original(model, groups, counts, config, state)
        kept.append({group.name: int(counts[group.name].sum()) for group in groups})
        for group in groups:
            weight = model.get_submodule(group.slices[0].tensor.rpartition(".")[0]).weight
            gone = group.slices[0].index[~counts[group.name]].flatten()
            assert (weight.index_select(group.slices[0].dim, gone) == 0).all()

    monkeypatch.setattr(baseline, "_mask", watched)
    test = baseline.masked_trial(small_config(**changes), seen.append)
    result = run(open_trial(tmp_path, **changes))
    assert len(seen) == 3
    assert 0 <= test <= 1
    totals = [
        {"head": sum(v for n, v in one.items() if "attn" in n), "neuron": sum(v for n, v in one.items() if "mlp" in n)}
        for one in kept
    ]
    assert totals == [state["kept"] for state in result["states"][1:]]
