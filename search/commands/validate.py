"""Check a study file without running it: its keys and values, its data, its networks, and the proof of its weights."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from search.commands.common import Outcome, add_study, study_of
from search.study.arm import Arm
from search.study.study import Study

EXAMPLE = "prunetune validate configs/quickstart.yaml"


def configure(parser: argparse.ArgumentParser) -> None:
    add_study(parser)


def run(args: argparse.Namespace) -> Outcome:
    study = study_of(args)
    from search.run.preflight import check_study

    checked = check_study(study)
    for warning in checked.warnings:
        print(f"prunetune: warning: {warning}", file=sys.stderr)
    arms = {name: _arm_json(study, arm) for name, arm in study.arms.items()}
    for arm, starting_point in checked.starting_points.items():
        shown = ("verdict", "digest", "probe")
        arms[arm]["weights"] = {key: starting_point.weights[key] for key in shown if key in starting_point.weights}
        arms[arm]["dense"] = starting_point.dense
    json = {"study": study.name, "valid": True, "arms": arms, "warnings": list(checked.warnings)}
    return Outcome(json=json, text="\n".join([f"{args.study}: valid", *map(_line, arms, arms.values())]))


def _arm_json(study: Study, arm: Arm) -> dict[str, Any]:
    countable = all(parameter.distribution.grid() is not None for parameter in arm.parameters)
    return {
        "method": arm.method,
        "searched": list(arm.searched_keys),
        "grid_points": study.space.grid_size(arm.name) if countable else None,
    }


def _line(arm: str, facts: dict[str, Any]) -> str:
    searched = ", ".join(facts["searched"]) or "nothing"
    points = f" ({facts['grid_points']} grid points)" if facts["searched"] and facts["grid_points"] else ""
    weights = f"; weights {facts['weights']['verdict']}" if "weights" in facts else ""
    probe = facts.get("weights", {}).get("probe")
    if probe is not None:
        weights += (
            f" (k-NN probe on {probe['images']} training images: {100 * probe['accuracy']:.1f} %, "
            f"{100 * probe['random_accuracy']:.1f} % at random weights)"
        )
    return f"  {arm}: method {facts['method'] or 'searched'}, searches {searched}{points}{weights}"
