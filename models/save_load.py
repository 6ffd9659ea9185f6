"""A network as one safetensors file: spec, structure and metadata in the header, the compact weights behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from models.atomic import replace_via
from models.errors import UserError
from models.networks.own_file import HOW_TO_AGREE, check_own, header_of
from models.networks.registry import build
from models.preprocessing import Preprocessing
from models.spec import ModelSpec
from models.tensor_file import write_tensors
from models.units.compaction import compact
from models.units.structure import Structure

HEADER_KEY = "prunetune"
FORMAT = 1


@dataclass(frozen=True)
class LoadedModel:
    """The parts of a model file. `state` is the compact network's state dict; `metadata` is what `save` was given.

    `architecture` is where a network of a user's own came from, as `Origin.to_json` says it; None for ours and timm's.
    """

    spec: ModelSpec
    structure: Structure
    state: dict[str, Tensor]
    metadata: dict[str, Any]
    architecture: dict[str, Any] | None = None


def save(
    path: Path | str,
    model_state: Mapping[str, Tensor],
    spec: ModelSpec,
    structure: Structure,
    metadata: Mapping[str, Any],
) -> None:
    """Write the network (spec, structure, compact state dict) to `path`, atomically; `metadata` must be JSON."""
    header = {
        "format": FORMAT,
        "spec": spec.to_json(),
        "structure": structure.to_json(),
        "metadata": dict(metadata),
        **header_of(spec),
    }
    tensors = {name: _storable(tensor) for name, tensor in model_state.items()}
    text = json.dumps(header, separators=(",", ":"), allow_nan=False)
    with replace_via(Path(path)) as temporary:
        write_tensors(temporary, tensors, {HEADER_KEY: text})


def load(path: Path | str, *, own_code: bool | str = False) -> nn.Module:
    """The compact network in a file written by `save`, on the CPU, in eval mode.

    A file may name a network that is not part of prunetune (docs/extending.md). Its code is imported and run only where
    `own_code` is true, or is the architecture that the file names, and where it is the code that the file was written with.

    Raises:
        UserError: the file is missing, damaged, or not one of ours, or its network is a user's own, which is not agreed to, is
            not there, or has changed.
    """
    return network_of(load_parts(path), path, own_code=own_code)


def network_of(
    parts: LoadedModel, path: Path | str, *, own_code: bool | str = False, how: str = HOW_TO_AGREE
) -> nn.Module:
    """The compact network of these parts, on the CPU, in eval mode. UserError, naming `path`, where they do not fit, or where a
    network of a user's own is not agreed to, as `how` says, or is not there any more."""
    check_own(parts.spec, parts.architecture, path, own_code, how)
    try:
        model = build_compact(parts.spec, parts.structure)
        model.load_state_dict(parts.state, strict=True)
    except (RuntimeError, ValueError, UserError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: its weights do not fit its own header ({reason}); write it again") from error
    return model.eval()


def is_model_file(path: Path | str) -> bool:
    """Whether `save` wrote the file, as far as its header tells; not, where it cannot be read."""
    try:
        with safe_open(str(path), framework="pt") as file:
            return HEADER_KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def load_parts(path: Path | str) -> LoadedModel:
    """Spec, structure, weights and metadata of a file written by `save`, without building the network.

    Raises:
        UserError: the file is missing, damaged, or not one of ours.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such model file; expected a safetensors file written by prunetune")
    try:
        with safe_open(str(path), framework="pt") as file:
            text = (file.metadata() or {}).get(HEADER_KEY)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- not a mapping
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: damaged or not a safetensors file ({error}); get or write it again") from error
    if text is None:
        raise UserError(f"{path}: safetensors without the header key {HEADER_KEY!r}; expected a file of prunetune's")
    return _parse(path, text, state)


def preprocessing_of(path: Path | str) -> Preprocessing:
    """What an image goes through before it is given to the network of this file: call it with an image file or a PIL image.

    Raises:
        UserError: the file is missing, damaged, not one of ours, or does not say.
    """
    return recorded_preprocessing(_metadata(path), path)


def recorded_preprocessing(metadata: Mapping[str, Any], path: Path | str) -> Preprocessing:
    """Of the metadata of the file at `path`, which the error names."""
    try:
        return Preprocessing.from_json(metadata["preprocessing"])
    except KeyError as error:
        raise UserError(f"{path}: its preprocessing was not recorded; export it again with this prunetune") from error
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{path}: its preprocessing cannot be read ({error}); use the prunetune that wrote it"
        ) from error


def class_names_of(path: Path | str) -> tuple[str, ...]:
    """The classes' names, in the order of the network's logits.

    Raises:
        UserError: the file is missing, damaged, not one of ours, or does not say.
    """
    names = _metadata(path).get("class_names")
    if names is None:
        raise UserError(f"{path}: class names were not recorded; a logit's place is all that is known of its class")
    return tuple(names)


def _metadata(path: Path | str) -> dict[str, Any]:
    return load_parts(path).metadata


def build_compact(spec: ModelSpec, structure: Structure) -> nn.Module:
    """A network of `spec` cut down to `structure`, at random weights; torch's global generator is left as it was.

    Raises:
        UserError: `structure` does not belong to `spec`.
    """
    with torch.random.fork_rng(devices=[]):
        model = build(spec)
    try:
        compact(model, structure)
    except ValueError as error:
        raise UserError(f"model {spec.arch}: {error}") from error
    return model


def _parse(path: Path | str, text: str, state: dict[str, Tensor]) -> LoadedModel:
    try:
        header = json.loads(text)
        found = header["format"]
        if found != FORMAT:
            raise UserError(f"{path}: header format {found!r}, expected {FORMAT}; use the prunetune that wrote it")
        spec = ModelSpec.from_json(header["spec"])
        structure = Structure.from_json(header["structure"])
        return LoadedModel(spec, structure, state, header["metadata"], header.get("architecture"))
    except (KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{path}: its header cannot be read ({reason}); write it again") from error


def _storable(tensor: Tensor) -> Tensor:
    """A contiguous CPU tensor with storage of its own, which is what safetensors takes."""
    return tensor.detach().to("cpu", copy=True).contiguous()
