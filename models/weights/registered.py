"""The store's pretrainings: each finished one has a copy of its weights there, and is found by its network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models import writes
from models.atomic import replace_via
from models.errors import UserError
from models.networks.same_tensors import have_same_tensors, looked_up_name
from models.networks.variants import is_looked_up, resolve_name
from models.spec import ModelSpec
from models.weights.digest import file_digest
from models.weights.provenance import Provenance, content_name, content_stem
from models.weights.store import list_named, store_folder
from models.weights.weights_file import read_provenance

PRETRAINING = "pretrain:"
"""What the origin of weights of our own begins with."""


@dataclass(frozen=True)
class Pretraining:
    """A finished pretraining's file, and what its header says of how it was made."""

    path: Path
    provenance: Provenance

    @property
    def images_seen(self) -> int:
        """Training images times epochs; 0 where the header does not say it."""
        return images_seen(self.provenance.extra) or 0

    def told(self) -> str:
        """Behind the file's name."""
        return f", pretraining {self.text()}"

    def text(self) -> str:
        """`twistnet18_imagenet on image_folder (1,152,000 images, 600 epochs), 2026-11-28`."""
        made = _section(self.provenance.extra, "pretrain")
        name, epochs = self.provenance.origin.removeprefix(PRETRAINING), _section(made, "config").get("epochs")
        data = _section(made, "data")
        images = _section(data, "sizes").get("train")
        told = f" on {data.get('name')} ({images:,} images, {epochs} epochs)" if isinstance(images, int) else ""
        return f"{name}{told}, {self.provenance.date[:10] or 'without a date'}"


def is_pretraining(provenance: Provenance) -> bool:
    return provenance.origin.startswith(PRETRAINING)


def images_seen(extra: Mapping[str, Any]) -> int | None:
    """Training images times epochs, as a pretraining's header says (`extra` of its provenance); None where it does not."""
    made = _section(extra, "pretrain")
    images, epochs = _section(_section(made, "data"), "sizes").get("train"), _section(made, "config").get("epochs")
    return images * epochs if isinstance(images, int) and isinstance(epochs, int) else None


def register_pretrained(path: Path, *, store: Path | None = None) -> Path:
    """Copy a finished pretraining's weights file into the store, where `source: pretrained` finds it by its network.

    The copy's name follows from its content, so that another pretraining never replaces it. Returns the copy's path.

    Raises:
        UserError: the file has no provenance, or the store cannot be written.
        WeightsRefused: the file cannot be read.
    """
    provenance = read_provenance(path)
    if provenance is None or not is_pretraining(provenance):
        raise UserError(f"{path}: no weights file of `prunetune pretrain`; only these are registered in the store")
    copy = store_folder(store) / content_name(provenance)
    if copy.exists() and file_digest(copy) == file_digest(path):
        return copy
    try:
        with replace_via(copy) as temporary:
            writes.copy(path, temporary)
    except OSError as error:
        raise UserError(
            f"{copy}: cannot be written ({error.strerror or error}); the weights are in {path}, and are found too where "
            "they lie in weights/ of the folder that a study is started in"
        ) from error
    return copy


def registered_line(path: Path, *, store: Path | None = None) -> str:
    """Register a finished pretraining and say so in a line for people; of a store that cannot be written too, which must not
    end what has just been trained for days."""
    try:
        copy = register_pretrained(path, store=store)
        known = read_provenance(copy)
    except UserError as error:
        return f"warning: not registered in the store: {error}"
    name = "" if known is None else looked_up_name(known.spec.arch, known.spec.args)
    if is_looked_up(name):
        return f"registered in the store, where source: pretrained of {name} finds it: {copy}"
    return (
        f"kept in the store: {copy}; weights of {name} are not looked for, so name the file: model.init: {{source: path, path: "
        f"{path}}}"
    )


@dataclass(frozen=True)
class Registered:
    """The store's pretrainings of one network, the one that saw most images first, of equals the newest; `unreadable` are
    files that may have been one, with what is wrong."""

    pretrainings: tuple[Pretraining, ...]
    unreadable: tuple[str, ...]


def registered_pretrainings(arch: str, args: Mapping[str, Any], store: Path | None = None) -> Registered:
    """Those whose tensors are the tensors of the network that `arch` with `args` stands for."""
    arch, given = resolve_name(arch, args)
    asked = ModelSpec(arch, 1, 1, 1, None, given)
    stem = content_stem(asked).partition("-1px")[0]
    files = list_named(f"{stem}-*.safetensors", store)
    known = [Pretraining(file.path, file.provenance) for file in files if file.provenance is not None]
    found = [one for one in known if is_pretraining(one.provenance) and _is(one.provenance.spec, asked)]
    found.sort(key=lambda one: (one.images_seen, one.provenance.date), reverse=True)
    return Registered(tuple(found), tuple(f"{file.path}: {file.problem}" for file in files if file.problem))


def _is(spec: ModelSpec, asked: ModelSpec) -> bool:
    return have_same_tensors(spec, replace(spec, arch=asked.arch, args=asked.args))


def _section(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = tree.get(key)
    return found if isinstance(found, Mapping) else {}
