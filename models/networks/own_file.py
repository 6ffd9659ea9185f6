"""What a file of weights says of a network of a user's own, and what is said where that is not there, or has changed.

No code is run because a file names it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.networks.own import OWN
from models.own_parts.reference import parse
from models.own_parts.sources import sha256_of
from models.spec import ModelSpec

HOW_TO_AGREE = "load(PATH, own_code=True)"


def header_of(spec: ModelSpec) -> dict[str, Any]:
    """What a file's header has of the network besides its spec: `architecture` of a user's own, nothing of others."""
    origin = OWN.origin(spec.arch)
    return {} if origin is None else {"architecture": origin.to_json()}


def check_own(
    spec: ModelSpec, recorded: Mapping[str, Any] | None, path: Path | str, own_code: bool | str, how: str = HOW_TO_AGREE
) -> None:
    """UserError where the network of the file at `path` is a user's own, and is not agreed to, cannot be imported, or is not
    what the file was written with.

    `own_code` is True, or the one architecture that is agreed to; `how` says how to agree. Nothing is imported before that.
    """
    if not OWN.is_own(spec.arch):
        if recorded is not None:
            raise UserError(
                f"{path}: its network is {spec.arch}{_words(recorded)}, the name of an entry point of a package that is not "
                f"installed here; install {recorded.get('distribution') or 'that'}, then load the file again"
            )
        return
    check_agreed(spec.arch, path, own_code, how, recorded)
    network = f"{path}: its network is {spec.arch}{_words(recorded)}"
    if recorded is None:
        raise UserError(f"{network}, and it does not say which version of that; get or write it again")
    try:
        found = OWN.origin(spec.arch)
    except UserError as error:
        raise UserError(
            f"{network}, which is not part of prunetune, and cannot be had here: {error.text}; load it in a folder where that "
            f"is found{_former_place(spec.arch, recorded)}, or install the package that has it"
        ) from error
    assert found is not None
    if found.digest != recorded.get("digest"):
        raise UserError(
            f"{network}; what is found here is another version of it, or of what it imports ({found.file}), which may compute "
            "something else; load it where that is as it was, or write the file again"
        )


def check_agreed(
    arch: str, path: Path | str, own_code: bool | str, how: str, recorded: Mapping[str, Any] | None = None
) -> None:
    """UserError where the architecture that a file names is a user's own, and is not agreed to."""
    if own_code is True or own_code == arch or not OWN.is_own(arch):
        return
    raise UserError(
        f"{path}: its network is {arch}{_words(recorded)}, which is not part of prunetune: loading it imports and runs that "
        f"code. If you trust the file and the code, say so: {how}"
    )


def _former_place(arch: str, recorded: Mapping[str, Any]) -> str:
    """In words, the folder that the reference was looked for in, where the file still lies there with the same contents."""
    reference, stated = parse(arch), recorded.get("file")
    if (
        reference is None
        or stated is None
        or not Path(stated).is_file()
        or sha256_of(Path(stated)) != recorded.get("sha256")
    ):
        return ""
    within = reference.file or str(reference.module).replace(".", "/")
    levels = len(Path(within).parts) + (Path(stated).name == "__init__.py")
    parents = Path(stated).parents
    return f" (it lay in {parents[levels - 1]}, and still does)" if levels <= len(parents) else ""


def _words(recorded: Mapping[str, Any] | None) -> str:
    """Where it came from, in brackets."""
    if recorded is None:
        return ""
    package = f"{recorded['distribution']} {recorded['version']}, " if recorded.get("distribution") else ""
    return f" ({package}{recorded.get('file')}, SHA-256 {str(recorded.get('sha256'))[:12]})"
