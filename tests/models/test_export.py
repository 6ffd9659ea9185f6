"""Compact networks of the families whose layers are swapped or whose forward pass is ours go out in both formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.export import export_onnx, export_program
from models.units.compaction import compact
from models.units.describe import describe
from tests.models.networks import random_structure, spec_of, trained_looking


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "empty"),
    [("beit", False), ("eva02", True), ("windows", True), ("mobilenet_same_padding", True), ("regnet", True)],
)
def test_a_compact_network_gives_the_same_in_either_format(name: str, empty: bool, tmp_path: Path) -> None:
    spec = spec_of(name)
    model = trained_looking(spec).float().eval()
    compact(model, random_structure(describe(model), seed=3, empty=empty))
    assert export_program(model, spec.input_shape, tmp_path / "small.pt2", {}) < 1e-5
    assert export_onnx(model, spec.input_shape, tmp_path / "small.onnx", {}) < 1e-5
