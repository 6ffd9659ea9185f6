"""Mistakes in a method's settings that only the learning rates of a state bring to light, found before any training."""

from __future__ import annotations

from trainables.learning_rate import learning_rates
from trainables.procedure import Procedure
from trainables.pruning_event import rsst_settings


def check_plans(procedure: Procedure) -> None:
    """UserError where RSST's strength cannot be met in some state, instead of after the states before it are paid for.

    The plan depends on the recipe and the number of steps alone, not on which units are chosen.
    """
    train, method = procedure.config.train, procedure.method
    if not method.removes:
        return
    anything = {name: group.kept[:1] for name, group in procedure.network.structure.groups.items() if group.kept}
    for epochs in sorted(set(procedure.epochs[1:])):
        rates = learning_rates(train.schedule, train.lr, epochs * procedure.steps_per_epoch)
        method.plan(anything, rates, rsst_settings(procedure.config.prune.rsst))
