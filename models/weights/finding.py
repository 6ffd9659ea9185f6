"""`source: pretrained` of networks whose weights nobody publishes: found by themselves, in a fixed order of places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.networks.registry import default_pretrained
from models.networks.same_tensors import looked_up_name
from models.networks.variants import is_looked_up
from models.weights import repository
from models.weights.digest import file_digest
from models.weights.registered import Pretraining, Registered, images_seen, is_pretraining, registered_pretrainings
from models.weights.store import store_folder
from models.weights.weights_file import read_provenance

FOLDER, SUFFIX = "weights", "_imagenet.safetensors"
IMAGENET_IMAGES = 1_281_167
"""Of ImageNet-1k's training part."""
SHOWN, SHOWN_OF_SHA256 = 3, 12


@dataclass(frozen=True)
class Found:
    """What `source: pretrained` took: a file (`path`, with its SHA-256) or, where there is none, published weights (`tag`);
    `told` says where it was found and what was passed over."""

    path: Path | None
    sha256: str | None
    tag: str | None
    told: str


def find_pretrained(
    arch: str, args: Mapping[str, Any] | None = None, *, sha256: str | None = None, store: Path | None = None
) -> Found:
    """The weights that `source: pretrained` of a network means for which `is_looked_up`.

    In this order: `weights/NAME_imagenet.safetensors` of the working folder, the same of the project, the store's
    pretrainings, and what timm publishes; with `sha256` the file that has it, wherever of these it lies. What is found is not
    judged here: it is taken or refused, never passed over.

    Raises:
        UserError: nothing was found; it says where was looked, and what to do.
    """
    name = looked_up_name(arch, args)
    places = _places(name)
    there = [path for path in places if path.is_file()]
    if there and sha256 is None:
        return Found(there[0], file_digest(there[0]), None, _in_folder(there[0], places))
    registered = registered_pretrainings(arch, args or {}, store)
    looked = ", ".join(str(path) for path in [*places, store_folder(store)]) + _unreadable(registered)
    if sha256 is not None:
        files = {path: _in_folder(path, places) for path in there}
        files |= {one.path: _in_store(one) for one in registered.pretrainings}
        return _of_sha256(name, files, sha256, looked)
    if registered.pretrainings:
        return _registered(registered)
    if (published := default_pretrained(arch)) is not None:
        told = f"no weights of our own for {name} (looked for in {looked}); took what timm publishes, {published}"
        return Found(None, None, published, told)
    raise UserError(
        f"source: pretrained: there are no weights for {name}, and nobody publishes any; looked for in {looked}. Make them "
        "with `prunetune pretrain` (configs/pretrain_twistnet18_imagenet.yaml is a file to begin with), name a file with "
        "model.init: {source: path, path: FILE}, or say model.init.source: random",
        key="model.init",
    )


def few_images_warning(arch: str, extra: Mapping[str, Any]) -> tuple[str, ...]:
    """A line where published weights of the network were left aside for a pretraining that saw next to nothing beside them;
    `extra` is that of the provenance of weights that were found."""
    published, seen = default_pretrained(arch), images_seen(extra.get("source_extra", {}))
    if published is None or seen is None or seen >= IMAGENET_IMAGES:
        return ()
    return (
        f"the weights found for {arch} saw {seen:,} images (training images times epochs), fewer than a single epoch of "
        f"ImageNet-1k has ({IMAGENET_IMAGES:,}), and were taken before the published {published}; model.init.tag takes those",
    )


def _of_sha256(name: str, files: Mapping[Path, str], sha256: str, looked: str) -> Found:
    digests = {path: file_digest(path) for path in files}
    for path, digest in digests.items():
        if digest == sha256:
            return Found(path, digest, None, f"{files[path]} (the one of sha256 {sha256[:SHOWN_OF_SHA256]}…)")
    others = ", ".join(f"{path} ({digest[:SHOWN_OF_SHA256]}…)" for path, digest in digests.items()) or "nothing"
    raise UserError(
        f"source: pretrained: no weights for {name} have the sha256 {sha256} that is asked for; looked for in {looked}, found "
        f"{others}. Put that file into one of these places, or name it with model.init.path; without model.init.sha256 other "
        "weights are taken, and what comes of them is another result",
        key="model.init.sha256",
    )


def _places(name: str) -> dict[Path, str]:
    """Files by name, and whose folder each is in. A network without a name of its own is found in the store alone."""
    if not is_looked_up(name):
        return {}
    file = f"{name}{SUFFIX}"
    found = {Path.cwd() / FOLDER / file: "the working folder's weights/"}
    found.setdefault(repository.repository_folder() / file, "the project's own weights/")
    return found


def _registered(registered: Registered) -> Found:
    first, *others = registered.pretrainings
    told = _in_store(first)
    if others:
        named = "; ".join(f"{one.path.name}, {one.text()}" for one in others[:SHOWN])
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        told += (
            f"; it saw the most images, of equals it is the newest. Passed over: {named}{more} "
            "(model.init: {source: path, path: FILE} takes another)"
        )
    return Found(first.path, file_digest(first.path), None, told + _unreadable(registered))


def _in_store(one: Pretraining) -> str:
    return f"found by itself in the store: {one.path}{one.told()}"


def _in_folder(path: Path, places: Mapping[Path, str]) -> str:
    return f"found by itself in {places[path]}: {path}{_made(path)}"


def _made(path: Path) -> str:
    """By which pretraining; nothing of a file that does not say it, which whoever takes it judges."""
    try:
        provenance = read_provenance(path)
    except UserError:
        return ""
    return Pretraining(path, provenance).told() if provenance is not None and is_pretraining(provenance) else ""


def _unreadable(registered: Registered) -> str:
    return f"; cannot be read there: {', '.join(registered.unreadable)}" if registered.unreadable else ""
