"""What a file of weights says of a network of a user's own, and what is said where that is not there, or has changed."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.networks.own import OWN
from models.own_parts.places import look_in_last
from models.own_parts.reference import parse
from models.own_parts.sources import sha256_of
from models.spec import ModelSpec


def header_of(spec: ModelSpec) -> dict[str, Any]:
    """What a file's header has of the network besides its spec: `architecture` of a user's own, nothing of others."""
    origin = OWN.origin(spec.arch)
    return {} if origin is None else {"architecture": origin.to_json()}


def check_own(spec: ModelSpec, recorded: Mapping[str, Any] | None, path: Path | str) -> None:
    """UserError, naming what the file at `path` needs, where its network is a user's own and cannot be imported.

    It is looked for where it lay when the file was written, too, if that is as it was. One that is another by now is warned
    of: what it computes is not what was measured.
    """
    if not OWN.is_own(spec.arch):
        return
    told = _words(recorded)
    try:
        origin = _found(spec.arch, recorded)
    except UserError as error:
        raise UserError(
            f"{path}: its network is {spec.arch}{told}, which is not part of prunetune, and cannot be had here: {error.text}; "
            "load it in a folder where that is found, or install the package that has it"
        ) from error
    if recorded is not None and origin.digest != recorded["digest"]:
        warnings.warn(
            f"{path}: its network is {spec.arch}{told}; what is found here is another version of it ({origin.file})",
            stacklevel=4,
        )


def _found(arch: str, recorded: Mapping[str, Any] | None) -> Any:
    try:
        return OWN.origin(arch)
    except UserError:
        folder = _former_place(arch, recorded or {})
        if folder is None:
            raise
        look_in_last(folder)
        return OWN.origin(arch)


def _former_place(arch: str, recorded: Mapping[str, Any]) -> Path | None:
    """The folder that the reference was looked for in, where the file still lies there with the same contents."""
    reference, stated = parse(arch), recorded.get("file")
    if (
        reference is None
        or stated is None
        or not Path(stated).is_file()
        or sha256_of(Path(stated)) != recorded.get("sha256")
    ):
        return None
    within = reference.file or str(reference.module).replace(".", "/")
    levels = len(Path(within).parts) + (Path(stated).name == "__init__.py")
    return Path(stated).parents[levels - 1] if levels <= len(Path(stated).parents) else None


def _words(recorded: Mapping[str, Any] | None) -> str:
    """Where it came from, in brackets."""
    if recorded is None:
        return ""
    package = f"{recorded['distribution']} {recorded['version']}, " if recorded.get("distribution") else ""
    return f" ({package}{recorded['file']}, SHA-256 {str(recorded['sha256'])[:12]})"
