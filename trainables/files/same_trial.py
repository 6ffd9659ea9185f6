"""Whether a folder's record is of the trial that is asked for: the same configuration, weights, teacher, data and own parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from models.errors import UserError
from trainables.config.trial import TrialConfig
from trainables.files.changed_keys import at_most, changed_keys
from trainables.files.changed_parts import difference
from trainables.files.record import TrialRecord


def check_same_trial(existing: TrialRecord, header: Mapping[str, Any]) -> None:
    """A trial goes on only from the same configuration, weights, outside teacher and data, and with the same own parts."""
    # A trial that failed before its weights and data were known has a header without them.
    _check_parts(existing, header)
    for part in (part for part in ("config", "weights", "teacher", "data", "parts") if part in existing.header):
        before, now = _identifying(part, existing.header[part]), _identifying(part, header.get(part, {}))
        changes = sorted(changed_keys(before, now))
        if changes:
            raise UserError(
                f"{existing.folder}: holds a trial with another {part}: {' '.join(at_most(changes, 1))}; "
                "choose another --name or --storage, or ask for the same trial"
            )


def _check_parts(existing: TrialRecord, header: Mapping[str, Any]) -> None:
    """UserError, naming the file, for one that both have and that has changed."""
    now = header.get("parts", {})
    for key, old in existing.header.get("parts", {}).items():
        new = now.get(key, old)
        if old["reference"] == new["reference"] and old["digest"] != new["digest"]:
            raise UserError(
                f"{existing.folder}: {key}: {old['reference']} has changed since the trial began: {difference(old, new)}; "
                "put it back as it was, or choose another --name or --storage"
            )


def _identifying(part: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    if part == "parts":
        # The file's name alone: it lies elsewhere on another machine.
        return {f"{key} ({Path(str(origin['file'])).name})": origin["digest"] for key, origin in value.items()}
    if part != "config":
        return {"digest": value["digest"]}
    try:
        # A key that came later is not there: its default is what the version of that time did.
        return TrialConfig.model_validate(value).model_dump(mode="json")
    except ValidationError:
        return value
