"""What of a begun run's study was changed, and when: in its manifest, for whoever reads its figures."""

from __future__ import annotations

from datetime import UTC, datetime

from search.run.files.manifest_file import read_manifest, write_manifest
from search.run.folder import RunFolder
from search.study.study import Study
from trainables.files.changed_keys import changed_keys

NOTED = "changed"
"""In the manifest."""


def note_changes(run: RunFolder, before: Study, now: Study) -> None:
    """Add what differs between the two, if anything does. Before a run's first launch there is nothing to be noted in."""
    changes = changed_keys(before.to_json(), now.to_json())
    if not changes or not run.manifest_file.exists():
        return
    manifest = read_manifest(run)
    step = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "keys": changes}
    write_manifest(run, {**manifest, NOTED: [*manifest.get(NOTED, ()), step]})


def changes_text(run: RunFolder) -> str:
    """`2026-11-28: resources.max_concurrent was None, is now 2; …`; empty where nothing was changed."""
    steps = read_manifest(run).get(NOTED, ())
    return "; ".join(f"{step['at'][:10]}: {', '.join(step['keys'])}" for step in steps)
