"""Run folders written by formula: records as a trial writes them, with curves that the test chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors.numpy import save_file

from search.config_file import yaml_file
from search.run.confirming import confirm_id
from search.study.load import load_study
from trainables.files.record import Identity, RecordWriter, StateEnd, end_line
from trainables.files.request import TrialRequest, write_request

REMOVED = (0.0, 20.0, 40.0, 60.0)
DENSE_PARAMS, DENSE_MACS = 200_000, 10_000_000
TRIAL = {
    "model": {"arch": "vit_micro", "init": {"source": "random"}},
    "data": {"name": "digits"},
    "train": {"lr": 0.001, "epochs_per_state": 2},
    "prune": {"target": "both", "schedule": {"kind": "geometric", "states": 3, "head_ratio": 0.5, "neuron_ratio": 0.7}},
}
HEADER = {
    "weights": {
        "digest": "ab" * 32,
        "verdict": "random",
        "evidence": ["source: random"],
        "warnings": [],
        "provenance": {"origin": "random"},
    },
    "data": {"name": "digits", "digest": "cd" * 32, "sizes": {"train": 1294, "val": 143, "test": 360}, "classes": 10},
    "dense": {"macs": DENSE_MACS, "prunable_parameters": 190_000},
    "environment": {
        "python": "3.11", "libraries": {"torch": "2"}, "commit": "e" * 40, "device": "cpu", "gpu": None,
        "processor": "one processor", "precision": "float32", "threads": 1,
    },
}  # fmt: skip


@dataclass
class MadeRun:
    """A run folder under construction; `add` writes one trial's request and record."""

    path: Path
    arms: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {"refill": {"prune.method": "refill"}, "rsst": {"prune.method": "rsst"}}
    )
    study: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        document = {
            "name": "made",
            "trial": TRIAL,
            "arms": {arm: dict(patch) for arm, patch in self.arms.items()},
            "space": {"train.lr": {"log_uniform": [1e-4, 1e-2]}},
            "search": {"algorithm": "random", "trials_per_arm": 2, "confirm": {"seeds": [101, 102]}},
            **self.study,
        }
        (self.path / "study.yaml").write_text(yaml_file.dump(document), encoding="utf-8")

    def add(
        self,
        arm: str,
        accuracies: Sequence[float],
        *,
        seed: int = 0,
        number: int = 0,
        confirm: bool = False,
        phase: Literal["trial", "search"] = "search",
        status: str | None = "finished",
        removed: Sequence[float] = REMOVED,
        lr: float = 0.001,
        cost: float = 1.0,
        predictions: Sequence[bool] | None = None,
        values: Mapping[str, Any] | None = None,
        warnings: Sequence[str] = (),
        warnings_of_states: Mapping[int, Sequence[str]] | None = None,
        removals: Mapping[int, tuple[float, float]] | None = None,
        recipe: str = "",
    ) -> Path:
        """One trial with an accuracy per state (validation and test alike); `status` None leaves it without an end.

        `removals`: state → validation accuracy just before and just after its removal. `recipe`: the arm whose first
        configuration a confirm trial takes the shared keys of.
        """
        name = confirm_id(arm, seed, recipe=recipe) if confirm else f"{arm}-{number:03d}"
        folder = self.path / "trials" / name
        identity = Identity(name, arm, "confirm" if confirm else phase, number, seed, recipe=recipe)
        searched = {"train.lr": lr} if values is None else dict(values)
        config = load_study(self.path / "study.yaml").arm(arm).config(searched, seed).model_dump(mode="json")
        source = "+".join(f"{one}-000" for one in (arm, recipe) if one) if confirm else None
        write_request(folder, TrialRequest(identity, config, searched, {}, source))
        writer = RecordWriter(folder)
        writer.start({"identity": identity.to_json(), "config": config, **HEADER, "warnings": list(warnings)})
        for state, (accuracy, gone) in enumerate(zip(accuracies, removed, strict=False)):
            told = list((warnings_of_states or {}).get(state, ()))
            end = replace(state_end(state, accuracy, gone, cost), warnings=told)
            if removals is not None and state in removals:
                before, after = removals[state]
                end = replace(end, removal={"val_accuracy_before": before, "val_accuracy_after": after})
            writer.append(end.to_json())
        if status is not None:
            writer.append(end_line(status))
        if predictions is not None:
            write_predictions(folder, len(accuracies) - 1, predictions)
        return folder


def state_end(state: int, accuracy: float, removed: float, cost: float) -> StateEnd:
    share = 1 - removed / 100
    kept = {"head": round(16 * share), "neuron": round(1024 * share)}
    return StateEnd(
        state=state, epochs=2 * (state + 1), val_accuracy=accuracy, val_loss=1 - accuracy, test_accuracy=accuracy,
        test_loss=1 - accuracy, params=round(DENSE_PARAMS * share), macs=round(DENSE_MACS * share),
        removed_percent=removed, kept=kept, training_macs=cost * 1e9 * (state + 1), seconds=3.0 * (state + 1),
        file=f"states/{state:02d}.safetensors", structure=structure(share),
    )  # fmt: skip


def structure(share: float) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    for block in range(4):
        groups[f"blocks.{block}.attn"] = {"kind": "head", "total": 4, "kept": list(range(max(1, round(4 * share))))}
        groups[f"blocks.{block}.mlp"] = {"kind": "neuron", "total": 256, "kept": list(range(round(256 * share)))}
    return groups


def write_predictions(folder: Path, state: int, right: Sequence[bool], first_label: int = 0) -> None:
    labels = (first_label + np.arange(len(right), dtype=np.int64)) % 10
    predictions = np.where(np.asarray(right), labels, (labels + 1) % 10)
    path = folder / "states" / f"{state:02d}.predictions.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"predictions": predictions, "labels": labels}, str(path))


def falling(last: float, first: float = 0.97, states: int = 4) -> list[float]:
    """Accuracies from `first` to `last`, evenly."""
    return [float(value) for value in np.linspace(first, last, states)]


def two_arm_run(path: Path, seeds: int = 8, gap: float = 0.03) -> MadeRun:
    """Refill and RSST, two configurations each, confirmed on `seeds` seeds with RSST ahead by about `gap`."""
    numbers = list(range(101, 101 + seeds))
    made = MadeRun(path, study={"search": {"algorithm": "random", "trials_per_arm": 2, "confirm": {"seeds": numbers}}})
    noise = np.random.default_rng(1).normal(0, 0.004, size=(seeds, 2))
    for arm, base in (("refill", 0.90), ("rsst", 0.90 + gap)):
        made.add(arm, falling(base), number=0)
        made.add(arm, falling(base - 0.02), number=1, lr=0.002)
        for row, seed in enumerate(numbers):
            last = base + float(noise[row, int(arm == "rsst")])
            right = np.random.default_rng(seed).random(360) < last
            made.add(arm, falling(last), seed=seed, confirm=True, predictions=right.tolist())
    return made
