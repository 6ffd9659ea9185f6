"""What the exported network says of image files, from each of the three files beside this script.

    python load_example.py photo.jpg other.png    the three likeliest classes of each image
    python load_example.py --check                random images, to see that the three files agree

`model.pt2` needs torch, `model.onnx` onnxruntime, `model.safetensors` prunetune, and each of them Pillow and numpy: what is not
installed is left out. `preprocessing.py` beside this script does to an image what was done when the network was judged.
A network that is not part of prunetune is opened from `model.safetensors` with --own-code alone, for that runs its code.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
NOTES = ("preprocessing", "class_names", "input_shape")
SHOWN = 3
CLOSE = 1e-3
"""Probabilities that differ by more do not come from one network."""
Run = Callable[[np.ndarray], np.ndarray]
"""Normalised images, float32 (B, C, H, W), to logits (B, classes)."""


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description="The three likeliest classes of each image.")
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="image files (PNG, JPEG, …) of any size")
    parser.add_argument("--check", action="store_true", help="random images: do the files of the network agree?")
    parser.add_argument(
        "--own-code", action="store_true", help="run the code of the network that model.safetensors names"
    )
    asked = parser.parse_args(words)
    if not asked.images and not asked.check:
        parser.error("name one or more image files, or --check")
    runs, notes, left_out = opened(asked.own_code)
    if not runs:
        print(f"nothing to run the network with: {'; '.join(left_out)}", file=sys.stderr)
        return 1
    agreed = [check(runs, notes)] if asked.check else []
    agreed += [tell(file, runs, notes) for file in asked.images]
    for line in left_out:
        print(f"left out: {line}")
    return 0 if all(agreed) else 1


def opened(own_code: bool) -> tuple[dict[str, Run], Mapping[str, Any], list[str]]:
    """The files that can be run here, what they say of their input and classes, and which cannot and why."""
    ways: dict[str, tuple[str, Callable[[Path], tuple[Run, Mapping[str, Any]]]]] = {
        "model.pt2": ("torch", open_program),
        "model.onnx": ("onnxruntime", open_onnx),
        "model.safetensors": ("prunetune", partial(open_safetensors, own_code=own_code)),
    }
    runs: dict[str, Run] = {}
    notes: Mapping[str, Any] = {}
    left_out = []
    for name, (library, way) in ways.items():
        if find_spec(library) is None:
            left_out.append(f"{name} ({library} is not installed)")
            continue
        try:
            runs[name], notes = way(HERE / name)
        except Exception as error:  # such as of a library older than the one that wrote the file
            left_out.append(f"{name} ({library} cannot open it: {' '.join(str(error).split())[:300]})")
    return runs, notes, left_out


def open_program(path: Path) -> tuple[Run, Mapping[str, Any]]:
    import torch

    told = dict.fromkeys(NOTES, "")
    network = torch.export.load(path, extra_files=told).module()
    return as_run(network), {name: json.loads(text) for name, text in told.items()}


def open_onnx(path: Path) -> tuple[Run, Mapping[str, Any]]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    return lambda images: session.run(["logits"], {"images": images})[0], {
        name: json.loads(told[name]) for name in NOTES
    }


def open_safetensors(path: Path, own_code: bool) -> tuple[Run, Mapping[str, Any]]:
    import_module("prunetune")  # from now on `models` is prunetune's own, whatever else has that name here
    from models import load, load_parts

    parts = load_parts(path)
    told = {"input_shape": parts.spec.input_shape}
    if parts.architecture is not None and not own_code:
        raise ValueError(f"its network is {parts.spec.arch}, code that is not part of prunetune; --own-code runs it")
    return as_run(load(path, own_code=own_code)), told | {
        name: parts.metadata.get(name) for name in NOTES if name not in told
    }


def as_run(network: Any) -> Run:
    import torch

    def run(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits: np.ndarray = network(torch.from_numpy(images)).numpy()
        return logits

    return run


def tell(file: str, runs: Mapping[str, Run], notes: Mapping[str, Any]) -> bool:
    """Print the classes of one image; False where it cannot be read, or the files do not agree."""
    if notes["preprocessing"] is None:
        print(f"{file}: what an image has to go through was not recorded; see MODEL_CARD.md", file=sys.stderr)
        return False
    try:
        images = preprocessing(notes["preprocessing"])(file)
    except Exception as error:  # whatever a damaged file makes of a decoder
        print(f"{file}: not a readable image ({' '.join(str(error).split())})", file=sys.stderr)
        return False
    print(file)
    found = {name: probabilities(run(images))[0] for name, run in runs.items()}
    for name, shares in found.items():
        best = np.argsort(-shares, kind="stable")[:SHOWN]
        print(f"  {name:18}", ",  ".join(f"{class_name(notes, label)} {100 * shares[label]:.2f} %" for label in best))
    return agree(list(found.values()))


def check(runs: Mapping[str, Run], notes: Mapping[str, Any]) -> bool:
    images = np.random.default_rng(0).standard_normal((4, *notes["input_shape"])).astype(np.float32)
    print("four random images, and one of them alone")
    found = [np.concatenate([probabilities(run(images)), probabilities(run(images[:1]))]) for run in runs.values()]
    for name, shares in zip(runs, found, strict=True):
        print(f"  {name:18}", ",  ".join(class_name(notes, label) for label in shares.argmax(axis=1)))
    return agree(found)


def agree(found: list[np.ndarray]) -> bool:
    """Whether the files gave the same probabilities, said in a line."""
    worst = max(float(np.abs(shares - found[0]).max()) for shares in found)
    if len(found) > 1:
        print(f"  the {len(found)} files {'agree' if worst <= CLOSE else 'DO NOT AGREE'}, to {worst:.1g}")
    return worst <= CLOSE


def preprocessing(told: Mapping[str, Any]) -> Any:
    """Of `preprocessing.py` beside this script: a file becomes float32 (1, C, H, W)."""
    sys.path.insert(0, str(HERE))
    sys.dont_write_bytecode = True  # nothing is left in this folder
    return import_module("preprocessing").Preprocessing.from_json(told)


def probabilities(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return shares


def class_name(notes: Mapping[str, Any], label: int) -> str:
    names = notes["class_names"]
    return f"class {label}" if names is None else str(names[label])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
