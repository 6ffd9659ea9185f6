"""`prunetune validate`: whether a study would start, and what each arm would search."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from search.commands.common import Outcome, Subcommand, study_parameters
from search.run.foretold.dense_start import dense_starts
from search.run.foretold.dense_start_text import dense_start_lines
from search.run.possible.found_weights import found_lines, with_found_weights
from search.run.preflight import Checked, check_study
from search.space.distributions import MOST_VALUES
from search.study.arm import Arm
from search.study.claims import claim_line
from search.study.load import load_study
from search.study.study import Study
from trainables.config.origins import splits_line
from trainables.teaching.knowledge import Knowledge


@click.command("validate", cls=Subcommand, example="prunetune validate configs/quickstart.yaml")
@study_parameters
def command(study: Path, name: str | None, sets: tuple[str, ...]) -> Outcome:
    """Check a study file without running it: its keys and values, its data, its networks, and the proof of its weights."""
    asked = with_found_weights(load_study(study, sets, name=name))
    checked = check_study(asked)
    for line in found_lines(asked):
        print(f"prunetune: {line}", file=sys.stderr)
    for warning in checked.warnings:
        print(f"prunetune: warning: {warning}", file=sys.stderr)
    arms = {one: _arm_json(asked, arm) for one, arm in asked.arms.items()}
    for arm, starting_point in checked.starting_points.items():
        shown = ("verdict", "digest", "evidence", "probe")
        arms[arm]["weights"] = {key: starting_point.weights[key] for key in shown if key in starting_point.weights}
        arms[arm]["dense"] = starting_point.dense
        arms[arm]["reach"] = starting_point.reach
        if (teacher := starting_point.teacher) is not None:
            arms[arm]["teacher"] = {key: teacher[key] for key in ("origin", "verdict", "digest", "probe")}
    data, starts = _data_sets(checked), dense_starts(asked)
    json = {
        "study": asked.name,
        "valid": True,
        "claim": asked.compare.claim,
        "data": data,
        "state0": starts.to_json(),
        "arms": arms,
        "found_weights": {network: dict(one) for network, one in asked.found_weights.items()},
        "warnings": list(checked.warnings),
    }
    of_data = [_data_line(one, alone=len(data) == 1) for one in data]
    of_state0 = [f"  {line}" for line in dense_start_lines(asked, starts)]
    lines = [f"  {claim_line(asked)}", *of_data, *of_state0, *map(_line, arms, arms.values())]
    return Outcome(json=json, text="\n".join([f"{study}: valid", *lines]))


def _data_sets(checked: Checked) -> list[dict[str, Any]]:
    """Each set of images that arms are run on, with its splits and the arms."""
    found: dict[str, dict[str, Any]] = {}
    for arm, starting_point in checked.starting_points.items():
        data = starting_point.data
        found.setdefault(data["digest"], {**data, "arms": []})["arms"].append(arm)
    return list(found.values())


def _data_line(data: dict[str, Any], alone: bool) -> str:
    arms = "" if alone else f" of {', '.join(data['arms'])}"
    return f"  data{arms}: {splits_line(data['name'], data['sizes'], data['splits'])}"


def _arm_json(study: Study, arm: Arm) -> dict[str, Any]:
    countable = all(parameter.distribution.grid() is not None for parameter in arm.parameters)
    points = study.space.grid_size(arm.name) if countable else MOST_VALUES + 1
    return {
        "method": arm.method,
        "searched": list(arm.searched_keys),
        "grid_points": points if points <= MOST_VALUES else None,
    }


def _teacher_text(told: dict[str, Any]) -> str:
    return f"{told['origin']} {told['verdict']} ({Knowledge.from_json(told['probe']).text()})"


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
    teacher = f"; teacher {_teacher_text(facts['teacher'])}" if "teacher" in facts else ""
    line = f"  {arm}: method {facts['method'] or 'searched'}, searches {searched}{points}{weights}{teacher}"
    return f"{line}\n    {facts['reach']}" if "reach" in facts else line
