"""A constraint that no last state of an arm can meet."""

from __future__ import annotations

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
    ends = list(islice(joint_corners(study, arm, DECIDES_THE_END), MOST_CONFIGURATIONS + 1))
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


def _impossible(study: Study, constraint: Constraint, text: str) -> UserError:
    return study.sources.error(("search", "constraints"), f": {constraint.text()}: {text}")
