"""`prunetune list`: the runs in a storage, one a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from models.errors import UserError
from search.commands.common import InBucket, Outcome, Subcommand
from search.commands.tools.storage import is_run, runs_in, size_on_disk
from search.evidence.formats import points
from search.run.files.manifest_file import read_manifest
from search.run.folder import RunFolder
from search.run.results import RunResults, load_results
from trainables.files.remote.address import with_urls

HEADING = ("run", "state", "last driven", "size", "arms", "verdict")


@click.command("list", cls=Subcommand, example="prunetune list runs")
@click.argument(
    "storage", type=InBucket(runs=0), default=Path("runs"), help="folder or URL that holds the runs (default: runs)"
)
def command(storage: Path) -> Outcome:
    """List all runs in a folder or bucket: what each asks, how far it is, when it was last driven, its size, its verdict."""
    found = [_facts(run) for run in ([RunFolder(storage.resolve())] if is_run(storage) else runs_in(storage))]
    json = {"storage": with_urls(str(storage)), "runs": found}
    if not found:
        return Outcome(json, f"{json['storage']}: no run is here")
    return Outcome(json, _table([HEADING, *(_cells(facts) for facts in found)]))


def _facts(run: RunFolder) -> dict[str, Any]:
    """Of one run; where it cannot be read, why."""
    known = {"run": run.address, "name": run.path.name, "bytes": size_on_disk(run.path)}
    try:
        results, manifest = load_results(run.path), read_manifest(run)
    except UserError as error:
        return {**known, "problem": str(error)}
    launches = manifest["launches"]
    left, ended = results.outstanding, sum(trial.ended for trial in results.trials)
    return {
        **known,
        "arms": results.arm_names,
        "claim": results.study.compare.claim,
        "complete": left == 0,
        "driver": results.driver,
        "trials_ended": ended,
        "trials": ended + left,
        "began": launches[0].get("started") if launches else None,
        "last_launch": launches[-1].get("started") if launches else None,
        "last_driven": (launches[-1].get("ended") or launches[-1].get("started")) if launches else _changed(run),
        "left": launches[-1].get("left") if launches and left else None,
        "verdict": _verdict(run, results),
    }


def _changed(run: RunFolder) -> str:
    """Of a run without a launch, such as one of single trials: when its study was written."""
    return datetime.fromtimestamp(run.study_file.stat().st_mtime, UTC).isoformat(timespec="seconds")


def _verdict(run: RunFolder, results: RunResults) -> str | None:
    """The contrasts of the last report, in short; None where the run is not complete or has no report since its last launch.

    Of the test split no figure is told: a list is what one looks at to choose what to do next.
    """
    path = run.path / "report" / "comparison.json"
    if not results.complete or not run.is_since_last_launch(path):
        return None
    on_test = results.study.compare.metric == "test_accuracy"
    try:
        told = json.loads(path.read_bytes())
        said = "; ".join(_contrast(one, on_test) for one in told["primary"])
        return f"{said} (exploratory)" if said and told.get("exploratory") else said or None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # of another version; `report` writes it anew


def _contrast(told: dict[str, Any], on_test: bool) -> str:
    arm, baseline, kind = told["arm"], told["baseline"], told["kind"]
    if kind in ("better", "worse"):
        by = "" if on_test else f" by {points(abs(told['mean']), sign=False)} points"
        return f"{arm} {kind} than {baseline}{by}"
    if kind == "equivalent":
        return f"{arm} equivalent to {baseline}"
    return f"{arm} against {baseline}: {kind}"


def _cells(facts: dict[str, Any]) -> tuple[str, ...]:
    size = f"{facts['bytes'] / 1e9:.1f} GB" if facts["bytes"] >= 1e9 else f"{facts['bytes'] / 1e6:.0f} MB"
    if "problem" in facts:
        return facts["name"], "cannot be read", "", size, "", facts["problem"]
    claim = f" ({facts['claim']})" if len(facts["arms"]) > 1 else ""
    return (
        facts["name"],
        _state(facts),
        datetime.fromisoformat(facts["last_driven"]).astimezone().strftime("%Y-%m-%d %H:%M"),
        size,
        f"{', '.join(facts['arms'])}{claim}",
        facts["verdict"] or "",
    )


def _state(facts: dict[str, Any]) -> str:
    if facts["complete"]:
        return f"complete, {facts['trials']} trials"
    how = "running" if facts["driver"] is not None else "left"
    return f"{how}, {facts['trials_ended']} of {facts['trials']} trials"


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns to the left, none cut: where lines are too long, it is the terminal that wraps them."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
