"""Run the exported network on a batch of images, from each of the three files beside this script.

`model.pt2` needs torch alone, `model.onnx` onnxruntime alone, `model.safetensors` prunetune.
    python load_example.py
"""

import importlib.util
import json
from pathlib import Path
from typing import Any

import torch

HERE = Path(__file__).resolve().parent


def load_program() -> tuple[torch.nn.Module, list[int], dict[str, Any]]:
    """The torch.export program, and what was noted with it: normalisation and provenance."""
    notes = {"prunetune": ""}
    program = torch.export.load(HERE / "model.pt2", extra_files=notes)
    shape = next(node.meta["val"].shape for node in program.graph.nodes if node.name in inputs_of(program))
    return program.module(), [int(side) for side in shape[1:]], json.loads(notes["prunetune"])


def inputs_of(program: torch.export.ExportedProgram) -> set[str]:
    return set(program.graph_signature.user_inputs)


def normalised(images: torch.Tensor, normalisation: dict[str, list[float]]) -> torch.Tensor:
    """Images with values in 0..1, as the network was trained to see them."""
    mean, std = (torch.tensor(normalisation[part]).view(1, -1, 1, 1) for part in ("mean", "std"))
    return (images - mean) / std


def installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of the package that the module would be in
        return False


def main() -> None:
    program, shape, notes = load_program()
    images = normalised(torch.rand(4, *shape), notes["normalisation"])
    with torch.inference_mode():
        logits = program(images)
    print("model.pt2: classes", logits.argmax(1).tolist())

    if installed("onnxruntime"):
        import onnxruntime

        session = onnxruntime.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
        (found,) = session.run(["logits"], {"images": images.numpy()})
        print("model.onnx: largest difference", float((torch.from_numpy(found) - logits).abs().max()))
    else:
        print("model.onnx: onnxruntime is not installed")

    if installed("models.save_load"):
        import models

        network = models.load(HERE / "model.safetensors")
        with torch.inference_mode():
            print("model.safetensors: largest difference", float((network(images) - logits).abs().max()))
    else:
        print("model.safetensors: prunetune is not installed")


if __name__ == "__main__":
    main()
