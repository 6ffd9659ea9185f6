"""What a trial was asked to be: `trial.json`, written whole before the trial is handed out, and never changed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models import atomic
from trainables.files.record import Identity

REQUEST_FILE = "trial.json"


@dataclass(frozen=True)
class TrialRequest:
    """One trial of a study, before it has run.

    `config` is a whole trial configuration as plain JSON. `values` are the searched keys among it, dotted. `drawn` is
    what the search algorithm needs to recognise its own proposal. `source` names, for a confirming trial, the search
    trial whose configuration it repeats on another seed. `parts` are the user's own parts that the run began with, by
    reference, as `Origin.to_json` says them: the trial is trained by no others.
    """

    identity: Identity
    config: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    drawn: dict[str, Any] = field(default_factory=dict)
    source: str | None = None
    parts: dict[str, Any] = field(default_factory=dict)


def write_request(folder: Path, request: TrialRequest) -> None:
    value = {
        "identity": request.identity.to_json(),
        "config": request.config,
        "values": request.values,
        "drawn": request.drawn,
        "source": request.source,
    }
    if request.parts:
        value["parts"] = request.parts
    atomic.write_json(folder / REQUEST_FILE, value)


def read_request(folder: Path) -> TrialRequest | None:
    """The request in a trial's folder, or None where there is none."""
    path = folder / REQUEST_FILE
    if not path.exists():
        return None
    value = json.loads(path.read_text(encoding="utf-8"))
    return TrialRequest(
        identity=Identity(**value["identity"]),
        config=value["config"],
        values=value["values"],
        drawn=value["drawn"],
        source=value["source"],
        parts=value.get("parts", {}),
    )
