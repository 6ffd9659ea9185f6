"""`source: pretrained` of networks whose weights nobody publishes: found by themselves, in a fixed order of places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.networks.registry import default_pretrained
from models.networks.variants import is_looked_up, known_as
from models.weights import repository
from models.weights.registered import Registered, registered_pretrainings
from models.weights.store import store_folder

FOLDER, SUFFIX = "weights", "_imagenet.safetensors"
SHOWN = 3


@dataclass(frozen=True)
class Found:
    """What `source: pretrained` took: a file (`path`) or, where there is none, published weights (`tag`); `told` says where
    it was found and what was passed over."""

    path: Path | None
    tag: str | None
    told: str


def find_pretrained(arch: str, args: Mapping[str, Any] | None = None, *, store: Path | None = None) -> Found:
    """The weights that `source: pretrained` of a network means for which `is_looked_up`.

    In this order: `weights/NAME_imagenet.safetensors` of the working folder, the same of the project, the store's
    pretrainings, and what timm publishes. What is found is not judged here: it is taken or refused, never passed over.

    Raises:
        UserError: nothing was found; it says where was looked, and what to do.
    """
    name = known_as(arch, args)
    places = _places(name)
    for path, whose in places.items():
        if path.is_file():
            return Found(path, None, f"found by itself in {whose}: {path}")
    registered = registered_pretrainings(arch, args or {}, store)
    if registered.pretrainings:
        return _registered(registered)
    looked = ", ".join(str(path) for path in [*places, store_folder(store)]) + _unreadable(registered)
    if (published := default_pretrained(arch)) is not None:
        told = f"no weights of our own for {name} (looked for in {looked}); took what timm publishes, {published}"
        return Found(None, published, told)
    raise UserError(
        f"source: pretrained: there are no weights for {name}, and nobody publishes any; looked for in {looked}. Make them "
        "with `prunetune pretrain` (configs/pretrain_twistnet18_imagenet.yaml is a file to begin with), name a file with "
        "model.init: {source: path, path: FILE}, or say model.init.source: random",
        key="model.init",
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
    told = f"found by itself in the store: {first.path}, pretraining {first.text()}"
    if others:
        named = "; ".join(f"{one.path.name}, {one.text()}" for one in others[:SHOWN])
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        told += (
            f"; it saw the most images, of equals it is the newest. Passed over: {named}{more} "
            "(model.init: {source: path, path: FILE} takes another)"
        )
    return Found(first.path, None, told + _unreadable(registered))


def _unreadable(registered: Registered) -> str:
    return f"; cannot be read there: {', '.join(registered.unreadable)}" if registered.unreadable else ""
