"""What a run came to, without what holds a time: equal, to the last bit, for runs that ended alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NO_NUMBERS = ("seconds", "images_per_second", "date", "run", "taken_from", "trained_by", "training", "files")
"""Keys that hold a time, or end so; where a run lies; and which of two trials trained the
state that both have, or whether both did, which costs epochs and changes no number. The digest of a network's file is among
`files` of a stage, and its notes say for whom it was trained."""
NOT_COMPARED = (
    "driver.log",
    "error.txt",
    "worker.log",
    "manifest.json",
    "generation",
    "turn",
    "optuna.log",
    "index.html",
)
"""They say what happened, or when; `index.html` shows what `comparison.json` has."""


def outcome(run: Path) -> dict[str, Any]:
    """File → what is in it, of all that a run's numbers are in; and of other files that they are there."""
    return dict(_files(run))


def _files(run: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted(run.rglob("*")):
        name = str(path.relative_to(run))
        if not path.is_file() or _is_passing(path, name):
            continue
        yield name, _content(path)


def _is_passing(path: Path, name: str) -> bool:
    """Locks, what they say, events of TensorBoard, notes of what went wrong, and what a kill left under a temporary name."""
    if path.name.startswith((".", "events.out")) or "/locks/" in name or "/.passing-" in name:
        return True
    return path.name in ("error.txt", "worker.log") or name.startswith("superseded/") or "/for-others/" in name


def _content(path: Path) -> Any:
    if path.name in NOT_COMPARED:
        return "is there"
    if path.name == "record.jsonl":
        return counted_lines(path)
    if path.name in ("comparison.json", "stage.json"):
        return _values(path.read_bytes())
    if path.suffix == ".csv":
        return "is there"
    content = path.read_bytes()
    if path.name == "best.yaml":
        content = b"\n".join(line for line in content.split(b"\n") if not line.strip().startswith(b"date:"))
    if path.suffix == ".safetensors":
        content = _tensors(content)
    return hashlib.sha256(content).hexdigest()


def _values(content: bytes) -> Any:
    try:
        return without_times(json.loads(content))
    except ValueError:  # as the test has damaged it
        return content


def _tensors(content: bytes) -> bytes:
    """Of a safetensors file names, shapes and values: its notes may hold a time."""
    size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + size])
    except ValueError:  # as the test has damaged it
        return content
    header.pop("__metadata__", None)
    return json.dumps(header).encode() + content[8 + size :]


def counted_lines(record: Path) -> list[Any]:
    """Of a trial's record what counts, without times."""
    from trainables.files.record import read_record

    found = read_record(record.parent)
    assert found is not None
    states = [end.to_json() for end in found.states]
    return [without_times(line) for line in (found.header, *found.epochs, *states, found.end)]


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(entry) for key, entry in value.items() if not key.endswith(NO_NUMBERS)}
    return [without_times(entry) for entry in value] if isinstance(value, list) else value


def epochs_trained(run: Path) -> int:
    """Every epoch that was trained, those that count no more among them, and none that was taken over."""
    lines = [line for record in run.glob("trials/*/record.jsonl") for line in record.read_bytes().split(b"\n")]
    return sum(line.startswith(b'{"kind":"epoch"') and b'"taken_from"' not in line for line in lines)


def ended_records(run: Path) -> dict[str, bytes]:
    """Trial → its whole record, of those that have ended for good."""
    found = {path.parent.name: path.read_bytes() for path in run.glob("trials/*/record.jsonl")}
    last = {name: content.rstrip(b"\n").rpartition(b"\n")[2] for name, content in found.items()}
    return {name: content for name, content in found.items() if last[name].startswith(b'{"kind":"end","status":"fin')}


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The files in which two outcomes differ."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
