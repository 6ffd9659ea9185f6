"""That a run goes on with what it began on: the same weights, data, outside teacher and parts of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

from models.errors import UserError
from search.run.files.manifest_file import read_manifest
from search.run.folder import RunFolder
from search.run.possible.own_parts import check_same_parts

if TYPE_CHECKING:
    from search.run.preflight import StartingPoint


def check_starting_points(run: RunFolder, found: Mapping[str, StartingPoint]) -> None:
    """UserError where the initial weights, the data, the outside teacher or the user's own parts of an arm are not those that
    the run began with."""
    before = read_manifest(run)["foundations"]
    for arm, start in found.items():
        if start.parts is not None and "parts" in before.get(arm, {}):
            check_same_parts(run.path, arm, before[arm]["parts"], start.parts)
    for arm, part in product(found, ("weights", "data", "teacher")):
        now = found[arm].to_json()
        if part not in now:
            continue
        new = now[part]["digest"]
        old = before[arm][part]["digest"] if part in before.get(arm, {}) else new
        if old != new:
            have = "has" if part == "teacher" else "have"
            raise UserError(
                f"{run.path}: the {part} of arm {arm} {have} changed since the run began (was {old[:12]}, now {new[:12]}); "
                f"restore them, or start another run with --name{_split_otherwise(before[arm][part])}"
            )


def _split_otherwise(before: Mapping[str, Any]) -> str:
    """How a version that did not record the splits made them of a folder, in brackets."""
    if "splits" in before or before.get("name") != "image_folder":
        return ""
    return (
        " (prunetune 0.1.0 split folders otherwise: it did not read valid/, and with val/ but no test/ it held the test out of "
        "train/, as data.test_fraction: 0.2 still does)"
    )
