"""A study file small enough for a test to run: a small network on some of the digits, an epoch before and an epoch after the
one pruning event, two arms. A test names what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search.config_file import yaml_file
from tests.trainables.small_trials import merged

SMALL: dict[str, Any] = {
    "name": "small",
    "trial": {
        "model": {"arch": "vit_micro", "init": {"source": "random"}},
        "data": {"name": "digits", "train_limit": 64},
        "train": {"epochs_per_state": 1, "device": "cpu"},
        "prune": {"schedule": {"states": 1}},
    },
    "arms": {"refill": {"prune.method": "refill"}, "rsst": {"prune.method": "rsst"}},
}


def small_study(folder: Path, *, trial: dict[str, Any] | None = None, **sections: Any) -> Path:
    """Its file in `folder`, with `trial` laid over its own key by key, and other sections in place of its own; None leaves
    one out."""
    content = {**SMALL, "trial": merged(SMALL["trial"], trial or {}), **sections}
    file = folder / "small.yaml"
    text = yaml_file.dump({key: value for key, value in content.items() if value is not None})
    file.write_text(text, encoding="utf-8")
    return file
