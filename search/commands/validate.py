"""`prunetune validate`: whether a study would start, and what each arm would search."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search.commands.common import Outcome, Subcommand, study_parameters
from search.console import announce
from search.evidence.formats import TIMED, counted, gigabytes, short, time_text
from search.run.foretold.dense_start import dense_starts
from search.run.foretold.dense_start_text import dense_start_lines
from search.run.possible.cluster_address import cluster_address
from search.run.possible.found_weights import found_lines, with_found_weights
from search.run.preflight import Checked, check_study
from search.space.distributions import MOST_VALUES
from search.study.arm import Arm
from search.study.claims import claim_line
from search.study.load import load_study
from search.study.study import Study
from search.tuning.own.checks import check_own_search
from trainables.config.origins import splits_line
from trainables.teaching.knowledge import Knowledge

if TYPE_CHECKING:
    from search.tuning.estimate import Estimate
    from trainables.data.facts import DataFacts
    from trainables.prepare import Loader, Prepared

MOST_NAMES = 12
"""Of layers of a network of one's own in a line."""
TIME_HELP = "time a training step, to say how long the study takes on this machine (not where it runs on a cluster)"


@click.command("validate", cls=Subcommand, example="prunetune validate configs/quickstart.yaml")
@study_parameters
@click.option("--time/--no-time", "timed", default=True, help=TIME_HELP)
def command(study: Path, name: str | None, sets: tuple[str, ...], timed: bool) -> Outcome:
    """Check a study file without running it: its keys and values, its data, its networks, and the proof of its weights.

    It shows what the data are, what the network can prune and what it leaves whole, and what the study would cost.
    """
    asked, seen = with_found_weights(load_study(study, sets, name=name)), Seen()
    from trainables.prepare import Loader

    with closing(Loader()) as loader:
        checked = check_study(asked, look=seen.look, loader=loader)
        cost = _cost(asked, loader) if timed and cluster_address(asked.resources) is None else None
    warnings = (*checked.warnings, *check_own_search(asked))
    for line in found_lines(asked):
        print(f"prunetune: {line}", file=sys.stderr)
    for warning in warnings:
        print(f"prunetune: warning: {warning}", file=sys.stderr)
    arms = {one: _arm_json(asked, arm) for one, arm in asked.arms.items()}
    for arm, starting_point in checked.starting_points.items():
        shown = ("verdict", "digest", "evidence", "probe")
        arms[arm]["weights"] = {key: starting_point.weights[key] for key in shown if key in starting_point.weights}
        arms[arm]["dense"] = starting_point.dense
        arms[arm]["reach"] = starting_point.reach
        if (teacher := starting_point.teacher) is not None:
            arms[arm]["teacher"] = {key: teacher[key] for key in ("origin", "verdict", "digest", "probe")}
    data, starts = _data_sets(checked, seen), dense_starts(asked)
    json = {
        "study": asked.name,
        "valid": True,
        "claim": asked.compare.claim,
        "data": data,
        "state0": starts.to_json(),
        "arms": arms,
        "found_weights": {network: dict(one) for network, one in asked.found_weights.items()},
        "networks": seen.networks,
        "cost": None if cost is None else cost.to_json(),
        "warnings": list(warnings),
    }
    of_data = [_data_line(one, alone=len(data) == 1) for one in data]
    of_state0 = [f"  {line}" for line in dense_start_lines(asked, starts)]
    of_images = [f"    {line}" for facts in seen.facts.values() for line in (*facts.lines(), *facts.oddities())]
    of_networks = [line for one in seen.networks for line in _network_lines(one)]
    of_cost = [] if cost is None else [f"  {cost_line(cost)}"]
    told = [f"  {claim_line(asked)}", *of_data, *of_images, *of_networks, *of_state0]
    lines = [*told, *map(_line, arms, arms.values()), *of_cost]
    return Outcome(json=json, text="\n".join([f"{study}: valid", *lines]))


class Seen:
    """What arms' trials stand on: each set of images once, by its digest, and each network once."""

    def __init__(self) -> None:
        self.facts: dict[str, DataFacts] = {}
        self.networks: list[dict[str, Any]] = []

    def look(self, arm: str, prepared: Prepared) -> None:
        from models.units.describe import own_plan

        data, network = prepared.procedure.data, prepared.procedure.network
        if data.digest not in self.facts:
            self.facts[data.digest] = data.facts()
        dense = {"parameters": network.reach.parameters, "macs": network.dense_macs}
        one = {**network.spec.to_json(), **dense}
        if (plan := own_plan(network.model)) is not None:
            one["units"] = {group.name: {"kind": group.kind, "count": group.count} for group in network.dense_groups}
            one["whole"] = {name: layer.reason for name, layer in plan.whole.items()}
        if one not in self.networks:
            self.networks.append(one)


def _cost(study: Study, checked: Loader) -> Estimate:
    announce("timing a training step (--no-time leaves that out)")
    from search.tuning.estimate import estimate

    return estimate(study, checked=checked)


def cost_line(cost: Estimate) -> str:
    """`cost: 28 trials, 672 epochs, 2 at once here: about 3 min 10 s as busy as this machine is now (…), and 40 MB of disk`."""
    told = f"cost: {counted(cost.trials, 'trial')}, {cost.epochs:,.0f} epochs, {cost.concurrent} at once here"
    if cost.seconds is None:
        return told
    return f"{told}: {time_text(cost.seconds)} ({TIMED}), and at most {gigabytes(cost.disk_bytes or 0)} of disk"


def _network_lines(one: dict[str, Any]) -> list[str]:
    """What it is and, of a user's own, which units were found where."""
    units = [f"{name} ({counted(group['count'], group['kind'])})" for name, group in one.get("units", {}).items()]
    whole: dict[str, list[str]] = {}
    for name, reason in one.get("whole", {}).items():
        whole.setdefault(reason, []).append(name)
    found = [f"units found: {_first_of(units)}"] if units else []
    stays = [f"left whole, {reason}: {_first_of(names)}" for reason, names in whole.items()]
    return [f"  network: {_network_line(one)}", *(f"    {line}" for line in (*found, *stays))]


def _first_of(names: list[str]) -> str:
    more = [f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    return ", ".join([*names[:MOST_NAMES], *more])


def _network_line(one: dict[str, Any]) -> str:
    patches = "" if one["patch_size"] is None else f" in patches of {one['patch_size']} px"
    size, channels = one["img_size"], counted(one["in_chans"], "channel")
    cost = f"{short(one['parameters'])} parameters, {one['macs'] / 1e9:.3g} GMACs an image"
    return f"{one['arch']}, {size} x {size} px{patches}, {channels}, {counted(one['num_classes'], 'class')}: {cost}"


def _data_sets(checked: Checked, seen: Seen) -> list[dict[str, Any]]:
    """Each set of images that arms are run on, with its splits, what it is, and the arms."""
    found: dict[str, dict[str, Any]] = {}
    for arm, starting_point in checked.starting_points.items():
        data = starting_point.data
        facts = seen.facts[data["digest"]].to_json()
        found.setdefault(data["digest"], {**data, "facts": facts, "arms": []})["arms"].append(arm)
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


def _weights_text(told: dict[str, Any]) -> str:
    """`weights proven (the file's sha256 …); what they know …`: the probe proves nothing, it says what they are worth here."""
    why = f" ({told['evidence'][0]})" if told.get("evidence") else ""
    probe = told.get("probe")
    if probe is None:
        return f"weights {told['verdict']}{why}"
    return (
        f"weights {told['verdict']}{why}; what they know of these images, by a k-NN probe on {probe['images']} of them: "
        f"{100 * probe['accuracy']:.1f} %, {100 * probe['random_accuracy']:.1f} % at random weights"
    )


def _teacher_text(told: dict[str, Any]) -> str:
    return f"{told['origin']} {told['verdict']} ({Knowledge.from_json(told['probe']).text()})"


def _line(arm: str, facts: dict[str, Any]) -> str:
    searched = ", ".join(facts["searched"]) or "nothing"
    points = f" ({facts['grid_points']} grid points)" if facts["searched"] and facts["grid_points"] else ""
    weights = f"; {_weights_text(facts['weights'])}" if "weights" in facts else ""
    teacher = f"; teacher {_teacher_text(facts['teacher'])}" if "teacher" in facts else ""
    line = f"  {arm}: method {facts['method'] or 'searched'}, searches {searched}{points}{weights}{teacher}"
    return f"{line}\n    {facts['reach']}" if "reach" in facts else line
