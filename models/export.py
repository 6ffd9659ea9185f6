"""A network in formats that need none of this project: ONNX and torch.export, each checked against the network itself."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from models.atomic import replace_via
from models.errors import WorkFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

INPUT, OUTPUT = "images", "logits"
CHECKED_BATCHES = (1, 2, 5)
TOLERANCE = 1e-3
"""Largest difference allowed, relative to the largest logit; a wrong graph is off by its whole size."""


def export_program(model: nn.Module, input_shape: tuple[int, int, int], path: Path, notes: Mapping[str, str]) -> float:
    """Write `model` as a torch.export file (`.pt2`) with a free batch dimension; `notes` go in as extra files.

    Input is a float32 batch of normalised images (B, C, H, W), output the logits (B, classes). Returns the largest
    difference to `model` over a few batch sizes; raises WorkFailed where that is not small.
    """
    with _quiet():
        program = torch.export.export(
            model.eval(), (torch.randn(2, *input_shape),), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},)
        )
        # torch.export.save looks at the name's suffix, so it is handed the open file instead.
        with replace_via(path) as temporary, temporary.open("wb") as handle:
            torch.export.save(program, handle, extra_files=dict(notes))
        with path.open("rb") as handle:
            loaded = torch.export.load(handle).module()
    return checked(path, model, input_shape, lambda images: torch.as_tensor(loaded(images)))


def export_onnx(model: nn.Module, input_shape: tuple[int, int, int], path: Path, notes: Mapping[str, str]) -> float:
    """Write `model` as ONNX with a free batch dimension; `notes` become its metadata. Otherwise as `export_program`.

    The file is run in onnxruntime to be checked.
    """
    import onnxruntime

    write_onnx(model, input_shape, path, notes)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return checked(
        path, model, input_shape, lambda images: torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])
    )


def write_onnx(model: nn.Module, input_shape: tuple[int, int, int], path: Path, notes: Mapping[str, str]) -> None:
    """The same without the check."""
    # With a fused kernel the graph has views that fit its layout alone, not that of the products which ONNX is given (BEiT).
    with _quiet(), sdpa_kernel(SDPBackend.MATH):
        program = torch.onnx.export(
            model.eval(), (torch.randn(2, *input_shape),), dynamo=True, verbose=False, optimize=True,
            input_names=[INPUT], output_names=[OUTPUT], dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        )  # fmt: skip
    assert program is not None
    program.model.metadata_props.update(notes)
    with replace_via(path) as temporary:
        program.save(str(temporary), external_data=False)


def onnx_versions(path: Path) -> dict[str, int]:
    """`opset` and `ir` of an ONNX file: what a runtime has to know at least."""
    import onnx

    model = onnx.load(path)
    return {"opset": max(one.version for one in model.opset_import if one.domain == ""), "ir": model.ir_version}


def checked(path: Path, model: nn.Module, input_shape: tuple[int, int, int], run: Callable[[Tensor], Tensor]) -> float:
    """Largest absolute difference between `run` and `model` on fixed random images; WorkFailed where not small."""
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    with torch.inference_mode():
        for batch in CHECKED_BATCHES:
            images = torch.randn(batch, *input_shape, generator=generator)
            expected, found = model(images), run(images)
            difference = float((expected - found).abs().max())
            if not difference <= TOLERANCE * max(1.0, float(expected.abs().max())):
                raise WorkFailed(
                    f"{path}: its output differs from torch's by {difference:.3g} at batch size {batch}; do not use it"
                )
            worst = max(worst, difference)
    return worst


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters warn of their own deprecations and of what they did not fold, which says nothing of the network."""
    folding = logging.getLogger("onnxscript.optimizer")
    level = folding.level
    folding.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        folding.setLevel(level)
