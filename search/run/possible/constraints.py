"""A constraint that no last state of an arm can meet."""

from __future__ import annotations

from models.errors import UserError
from search.run.possible.ends import Ends
from search.study.arm import Arm
from search.study.objectives import Constraint
from search.study.study import Study


def check_constraints(study: Study, ends: Ends) -> None:
    """UserError for a constraint that no state of an arm can meet, at the constraint's line."""
    for constraint in study.search.constraints:
        if constraint.metric == "val_accuracy" and constraint.op == ">=" and constraint.bound > 1:
            raise _impossible(study, constraint, "accuracies lie between 0 and 1; write 0.9, or 90%")
    on_cost = [one for one in study.search.constraints if _bounds_the_end(one)]
    # A constraint on cost is not for references whose network stays as large as it began.
    for arm in study.arms.values():
        if on_cost and arm.traits.makes_smaller:
            _check_arm(study, arm, on_cost, ends)


def _bounds_the_end(constraint: Constraint) -> bool:
    return (constraint.metric, constraint.op) in {("macs", "<="), ("params", "<="), ("removed_percent", ">=")}


def _check_arm(study: Study, arm: Arm, constraints: list[Constraint], ends: Ends) -> None:
    nearest: dict[Constraint, tuple[float, str]] = {}
    for end in ends.of(arm):
        if end is None:
            return
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
    if not nearest:
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
