"""Networks that may teach, as files: a state file, weights with and without a header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.networks.native import native_model
from models.networks.registry import resolve_spec
from models.save_load import save
from models.spec import ModelSpec
from models.units.base import dense_structure
from models.units.describe import describe
from tests.models.weights.cases import trained_state
from trainables.config.distill import TeacherConfig
from trainables.data.base import DataInfo

DIGITS = DataInfo("digits", 10, 1, 8)
SPEC = resolve_spec("timm:test_resnet", 10, 16, 1)
MADE_BY: dict[str, Any] = {
    "state": 0,
    "epochs": 4,
    "val_accuracy": 0.9,
    "normalisation": {"mean": [0.3], "std": [0.4]},
    "data": {"name": "digits", "digest": "ab"},
    "config": {"data": {"name": "digits", "split_seed": 0, "val_fraction": 0.1}},
}


def from_file(path: Path, **rest: Any) -> TeacherConfig:
    return TeacherConfig.model_validate({"init": {"source": "path", "path": path}, **rest})


def state_file(path: Path, spec: ModelSpec = SPEC, *, random: bool = False, **metadata: Any) -> Path:
    """As a trial writes it at a state's end, with weights as after some training."""
    model = native_model(spec)
    state = model.state_dict() if random else trained_state(spec)
    save(path, state, spec, dense_structure(describe(model)), {**MADE_BY, **metadata})
    return path
