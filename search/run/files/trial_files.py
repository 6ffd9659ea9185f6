"""What must stand in a trial's two files, `record.jsonl` and `trial.json`, to be read.

A last line without its end is what a killed writer leaves, and is not among the lines that are checked here. A first line is
written all at once: a record without a whole one has been damaged since.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType
from typing import Any

from models.errors import UserError
from trainables.files.record import READABLE_VERSIONS, STATUSES, Identity, StateEnd, TrialRecord
from trainables.files.request import TrialRequest
from trainables.files.unread import REMEDY

PHASES = ("trial", "search", "confirm")
NUMBER = (int, float)
TYPES: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": NUMBER,
    "str": (str,),
    "float | None": (*NUMBER, NoneType),
    "str | None": (str, NoneType),
    "list[str]": (list,),
    "dict[str, int]": (dict,),
    "dict[str, Any]": (dict,),
    "Mapping[str, Any]": (dict, NoneType),
}
"""By the annotation of a field, what its JSON may be; not looked into where it is not here. A mapping is None where it was
left in the file."""
NOT_FINITE = frozenset({"val_loss"})
"""Fields that are null where they were not finite."""


def _types(of: type, annotations: Mapping[str, Any]) -> dict[str, tuple[tuple[type, ...], bool]]:
    """Field → (what its JSON may be, whether it must be there)."""
    found = {}
    for one in fields(of):
        allowed = TYPES.get(str(annotations[one.name]), (object,))
        needed = one.default is MISSING and one.default_factory is MISSING
        found[one.name] = ((*allowed, NoneType) if one.name in NOT_FINITE else allowed, needed)
    return found


STATE_FIELDS = _types(StateEnd, StateEnd.__annotations__)
EPOCH_FIELDS = dict.fromkeys(("state", "epoch"), ((int,), True))
LAUNCH_FIELDS = dict.fromkeys(("state", "epoch", "epochs_total"), ((int,), True))
IDENTITY_FIELDS = _types(Identity, Identity.__annotations__)


def check_record(path: Path, lines: Sequence[Any], size: int, known: TrialRecord | None = None) -> None:
    """UserError, in one line, for the whole lines of a record, of `size` bytes in all, that cannot be its truth.

    Where a record is `known` from an earlier look, they are those that were added to it.
    """
    if not lines and known is None:
        raise UserError(f"{path}: damaged (no whole first line in its {size} bytes); {REMEDY}")
    if known is None:
        _check_header(path, lines[0])
    first = 1 if known is None or known.read_to is None else known.read_to.lines + 1
    for number, line in enumerate(lines, start=first):
        if problem := _problem(line):
            raise UserError(f"{path}, line {number}: damaged ({problem}); {REMEDY}")
    # A trial that has begun anew has another first line.
    begins = max((place for place, line in enumerate(lines) if line["kind"] == "config"), default=None)
    header = known.header if begins is None and known is not None else lines[begins or 0]
    has_states = any(line["kind"] == "state" for line in lines[begins or 0 :])
    if has_states and not isinstance((header.get("dense") or {}).get("macs"), NUMBER):
        raise UserError(f"{path}, line {first + (begins or 0)}: damaged (`dense` tells no MACs); {REMEDY}")


def damaged_record(path: Path) -> UserError:
    """What is to be said of a record that is not JSON line by line: which line, and how it begins."""
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            json.loads(line or b"null")
        except (ValueError, RecursionError):
            return UserError(f"{path}, line {number}: damaged (no JSON: {_beginning(line)}); {REMEDY}")
    return UserError(f"{path}: damaged; {REMEDY}")


def check_request(path: Path, request: TrialRequest) -> None:
    """UserError, in one line, for a request that holds something else than a trial's."""
    parts = (request.config, request.values, request.drawn)
    problem = _wrong_field(request.identity.__dict__, IDENTITY_FIELDS)
    if problem or not all(isinstance(part, dict) for part in parts):
        raise UserError(f"{path}: no request of a trial ({problem or 'its parts are no objects'}); {REMEDY}")


def _check_header(path: Path, first: Any) -> None:
    if not isinstance(first, dict) or first.get("kind") != "config":
        raise UserError(f"{path}: its first line is no configuration; {REMEDY}")
    if first.get("schema_version") not in READABLE_VERSIONS:
        raise UserError(
            f"{path}: written as version {first.get('schema_version')!r:.40} of the record, this prunetune reads version "
            f"{' and '.join(map(str, READABLE_VERSIONS))}; use the prunetune that made the run"
        )


def _problem(line: Any) -> str:
    """What a line lacks of what is read of it, or has of another kind; empty where it is sound.

    A trial before its data were known has a configuration line without more.
    """
    kind = line.get("kind") if isinstance(line, dict) else None
    if not isinstance(kind, str):
        return "no `kind`"
    if not isinstance(line.get("generation", 0), int):
        return f"`generation` is {line['generation']!r:.40}"
    if kind == "launch":
        return _wrong_field(line, LAUNCH_FIELDS)
    if kind == "epoch":
        # A run holds very many of these.
        sound = isinstance(line.get("state"), int) and isinstance(line.get("epoch"), int)
        return "" if sound else _wrong_field(line, EPOCH_FIELDS)
    if kind == "state":
        return _wrong_field(line, STATE_FIELDS)
    if kind == "end":
        return "" if line.get("status") in STATUSES else f"`status` is {line.get('status')!r:.40}"
    return _problem_of_header(line) if kind == "config" else ""


def _problem_of_header(line: Mapping[str, Any]) -> str:
    for part in ("identity", "config"):
        if not isinstance(line.get(part), dict):
            return f"`{part}` is no object"
    for part in ("weights", "teacher", "data"):
        if part in line and not (isinstance(line[part], dict) and isinstance(line[part].get("digest"), str)):
            return f"`{part}` has no digest"
    identity = line["identity"]
    unknown = sorted(identity.keys() - IDENTITY_FIELDS.keys())
    return f"`identity` has {unknown[0]!r}" if unknown else _wrong_field(identity, IDENTITY_FIELDS)


def _wrong_field(value: Mapping[str, Any], expected: Mapping[str, tuple[tuple[type, ...], bool]]) -> str:
    for name, (allowed, needed) in expected.items():
        if name not in value:
            if needed:
                return f"no `{name}`"
        elif not isinstance(value[name], allowed):
            return f"`{name}` is {value[name]!r:.40}"
    wrong = "phase" in expected and value.get("phase", "search") not in PHASES
    return f"`phase` is {value['phase']!r:.40}" if wrong else ""


def _beginning(line: bytes) -> str:
    return repr(line[:30])[1:]
