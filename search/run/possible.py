"""What a study asks for that can never be: more than this machine has, or an end that no network of it can reach."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from models.errors import UserError
from search.study.arm import Arm, at_its_line
from search.study.corners import joint_corners
from search.study.objectives import Constraint
from search.study.study import Study

MOST_CONFIGURATIONS = 64
"""Ends of an arm that are looked at; where a space has more corners, no constraint is called impossible."""
DECIDES_THE_END = (
    "model",
    "data",
    "prune.target",
    "prune.method",
    "prune.schedule",
    "prune.scope",
    "prune.widths",
    "prune.fillback_rate",
    "prune.min_kept",
)
"""Keys on which the size of the last state's network depends."""


def check_machine(study: Study) -> None:
    """UserError, at its line, for what this machine can never give a trial. A cluster's size is not known from here."""
    resources = study.resources
    if resources.address is not None:
        return
    import joblib
    import torch

    cpus, gpus, wanted = joblib.cpu_count(), torch.cuda.device_count(), resources.gpus_per_trial
    if resources.cpus_per_trial > cpus:
        raise study.sources.error(
            ("resources", "cpus_per_trial"),
            f": {resources.cpus_per_trial} CPUs are asked for a trial, but there are {cpus}; ask for at most {cpus}, or "
            "name a cluster (resources.address)",
        )
    if wanted != "auto" and wanted > gpus:
        raise study.sources.error(
            ("resources", "gpus_per_trial"),
            f": {wanted:g} GPUs are asked for a trial, but there are {gpus}; ask for fewer, write `auto`, or name "
            "a cluster (resources.address)",
        )
    check_devices(study, float(gpus > 0) if wanted == "auto" else wanted)


def check_devices(study: Study, gpus: float) -> None:
    """UserError, at its line, where an arm wants a GPU that its trials are not given; each sees `gpus` of them."""
    for arm in study.arms.values():
        for values in corner_configurations(study, arm, ("train.device",)):
            device = arm.config(values).train.device
            kind, _, index = device.partition(":")
            if kind != "cuda" or (gpus > 0 and int(index or 0) < max(1, gpus)):
                continue
            seen = "no GPU" if gpus == 0 else "one GPU, cuda:0" if gpus <= 1 else f"{gpus:g} GPUs, from cuda:0 on"
            with at_its_line(arm, values):
                raise UserError(
                    f"found {device}, but a trial sees {seen}; use auto or cpu, or see resources.gpus_per_trial "
                    "and resources.address",
                    key="train.device",
                )


def check_constraints(study: Study) -> None:
    """UserError for a constraint that no state of an arm can meet, at the constraint's line."""
    for constraint in study.search.constraints:
        if constraint.metric == "val_accuracy" and constraint.op == ">=" and constraint.bound > 1:
            raise _impossible(study, constraint, "accuracies lie between 0 and 1; write 0.9, or 90%")
    on_cost = [one for one in study.search.constraints if _bounds_the_end(one)]
    # A constraint on cost is not for references whose network stays as large as it began.
    for arm in study.arms.values():
        if on_cost and arm.traits.makes_smaller:
            _check_arm(study, arm, on_cost)


def _bounds_the_end(constraint: Constraint) -> bool:
    return (constraint.metric, constraint.op) in {("macs", "<="), ("params", "<="), ("removed_percent", ">=")}


def _check_arm(study: Study, arm: Arm, constraints: list[Constraint]) -> None:
    from trainables.data import describe_data
    from trainables.prepare import spec_of
    from trainables.states.smallest_end import smallest_end

    nearest: dict[Constraint, tuple[float, str]] = {}
    ends = list(islice(corner_configurations(study, arm, DECIDES_THE_END), MOST_CONFIGURATIONS + 1))
    if len(ends) > MOST_CONFIGURATIONS:
        return
    seen: list[Any] = []
    for values in ends:
        config = arm.config(values)
        asked = (config.model, config.data, config.prune)
        if asked in seen:
            continue
        seen.append(asked)
        if not config.prune.traits.makes_smaller:
            return
        with at_its_line(arm, values):
            end = smallest_end(config, spec_of(config, describe_data(config.data)))
        reached = {
            "macs": (end.macs, end.dense_macs, f"{end.macs:,} MACs"),
            "params": (end.params, end.dense_params, f"{end.params:,} parameters"),
            "removed_percent": (end.removed_percent, 100.0, f"{end.removed_percent:.1f} % removed"),
        }
        for constraint in constraints:
            value, dense, text = reached[constraint.metric]
            lacking = constraint.bound * (dense if constraint.share else 1) - value
            lacking = -lacking if constraint.op == "<=" else lacking
            share = "" if constraint.metric == "removed_percent" else f", {value / dense:.4f} of dense"
            nearest[constraint] = min(nearest.get(constraint, (lacking, text + share)), (lacking, text + share))
        if all(lacking <= 0 for lacking, _ in nearest.values()):
            return
    constraint, (_, best) = max(nearest.items(), key=lambda entry: entry[1][0] > 0)
    raise _impossible(
        study,
        constraint,
        f"no state of arm {arm.name} can meet it: its smallest last state has {best}; loosen it, or let "
        "prune.schedule's ratios remove more",
    )


def corner_configurations(study: Study, arm: Arm, keys: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """An arm's configurations at every corner of what it searches of these keys, those left out that are no trial."""
    for values in joint_corners(study, arm, keys):
        try:
            arm.config(values)
        except UserError:
            continue  # `check_samples` judges what a space allows
        yield values


def _impossible(study: Study, constraint: Constraint, text: str) -> UserError:
    return study.sources.error(("search", "constraints"), f": {constraint.text()}: {text}")
