"""The user's own parts of a study: what its manifest keeps of them, and that a run goes on with the same ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.errors import UserError
from search.run.files.manifest_file import read_manifest
from search.run.folder import RunFolder
from search.study.arm import Arm
from search.study.corners import corner_values
from search.study.study import Study
from trainables.files.begun_parts import changed_text
from trainables.stages.recipe import digest_of


def parts_of_arm(study: Study, arm: Arm) -> dict[str, Any] | None:
    """`digest` of all own parts that an arm's trials may use, and `origins`, by reference; None where there are none."""
    from trainables.config.own import own_parts

    found = {
        origin.reference: origin.to_json()
        for values in corner_values(study, arm)
        for origin in own_parts(arm.config(values)).values()
    }
    if not found:
        return None
    return {"digest": digest_of({name: one["digest"] for name, one in found.items()}), "origins": found}


def check_same_parts(run: object, arm: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """UserError, naming the file, where a user's own part is not the one that the run began with."""
    for reference, origin in now["origins"].items():
        old = before["origins"].get(reference, origin)
        if old["digest"] == origin["digest"]:
            continue
        raise UserError(changed_text(run, arm, reference, old, origin))


def begun_parts(run: RunFolder) -> dict[str, Any]:
    """Of all arms together, by reference: what a run's manifest has of the user's own parts; nothing where it has none."""
    foundations = read_manifest(run)["foundations"].values()
    return {name: one for arm in foundations for name, one in (arm.get("parts") or {}).get("origins", {}).items()}
