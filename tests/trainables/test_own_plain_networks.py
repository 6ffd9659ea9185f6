"""A plain CNN and a ViT of a user's own, without a word on their units, go through a trial of either method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.own_parts.places import ENVIRONMENT_KEY, look_in
from models.save_load import load
from trainables.config.trial import TrialConfig
from trainables.files.record import Identity, read_record
from trainables.trial import Trial

NETWORKS = Path(__file__).parents[1] / "models" / "own_parts" / "own_networks.py"
CASES: dict[str, tuple[list[str], dict[str, float], dict[str, int]]] = {
    "VggLike": (["channel", "neuron"], {"channel_ratio": 0.5, "neuron_ratio": 0.5}, {"channel": 3, "neuron": 5}),
    "OwnVit": (["head", "neuron"], {"head_ratio": 0.5, "neuron_ratio": 0.5}, {"head": 2, "neuron": 20}),
}


@pytest.mark.slow
@pytest.mark.parametrize("method", ["refill", "rsst"])
@pytest.mark.parametrize("network", CASES)
def test_a_trial_ends_with_what_was_asked_for(
    network: str, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, ratios, left = CASES[network]
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    (tmp_path / "own.py").write_text(NETWORKS.read_text(encoding="utf-8"), encoding="utf-8")
    look_in(tmp_path)
    config: dict[str, Any] = {
        "model": {"arch": f"own.py:{network}", "init": {"source": "random"}},
        "data": {"name": "digits", "train_limit": 600},
        "train": {"epochs_per_state": 2, "lr": 0.003},
        "prune": {
            "method": method,
            "target": target,
            "compensate": "least_squares",
            "schedule": {"states": 2, **ratios},
        },
    }
    trial = Trial.open(tmp_path / "trial", Identity(method, method), TrialConfig.model_validate(config))
    while not trial.done:
        trial.step()
    record = read_record(tmp_path / "trial")
    assert record is not None
    assert record.status == "finished"
    last = record.states[-1]
    assert last.kept == left
    assert last.macs < record.states[0].macs
    compact = load(tmp_path / "trial" / str(last.file), own_code=True)
    assert sum(parameter.numel() for parameter in compact.parameters()) == last.params
    assert compact(torch.randn(2, 1, 8, 8)).shape == (2, 10)
