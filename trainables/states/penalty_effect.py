"""Whether RSST's penalty can act, told from a state's schedule before it runs; and whether it did, from its removal."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from models.errors import UserError
from models.units.structure import Kind
from pruning.catalogue import DEFAULT_SHRINK, RsstConfig, is_dear
from pruning.growth import left_by_gradient, left_by_shrinking, phases, ramp_values, solve_lambda_max
from pruning.methods import Method, StatePlan
from pruning.methods.rsst import Rsst
from trainables.config.trial import TrialConfig
from trainables.training.learning_rate import learning_rates

MOST_LEFT = 0.3
"""The share of the dropped weights that the penalty alone may leave: at 0.1 a removal cost nothing, at 0.5 five points."""
NEARLY_NOTHING = 30.0
"""Where the weights that stay are so many times as large as those that go, the penalty has acted."""
ROUNDING = 1e-9
NORMED: dict[Kind, str] = {
    "embed": "with the stream's channels go zeros that its norms took their statistics over",
    "interaction": "with the heads go features, of length one however small the weights, that share statistics with others",
}
"""Kinds that a norm's statistics hold too: what the removal changes however much they were shrunk."""
FIRST_PRUNED = 1
"""The first state that removes units; all of them train alike."""
ADAPTIVE = frozenset({"adamw"})
"""Optimisers that divide a gradient by its own size."""


@dataclass(frozen=True)
class Doubt:
    """A reason to doubt that the penalty will act; of one subject the largest `figure` is the worst."""

    subject: str
    figure: float
    text: str

    def line(self, at: str = "") -> str:
        """As a warning; `at` are the values that it is about, in words."""
        return f"{self.subject}: {at}{self.text}"


@dataclass(frozen=True)
class PlannedState:
    """The plan of a state of so many optimiser steps, whichever units it removes."""

    rates: tuple[float, ...]
    plan: StatePlan

    @property
    def left_by_shrinking(self) -> float:
        return left_by_shrinking(*self._until_removal())

    def left_by_gradient(self, momentum: float) -> float:
        """Its size; infinite where that is beyond all numbers."""
        left = abs(left_by_gradient(*self._until_removal(), momentum))
        return left if math.isfinite(left) else math.inf

    def _until_removal(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        stop = self.plan.remove_after_step
        return self.plan.strengths[:stop], self.rates[:stop]


def strength_settings(config: TrialConfig, method: Method) -> RsstConfig | None:
    """What sets the penalty's strength; None for a method of a user's own, whose plan says it and need not read these."""
    return config.prune.rsst if isinstance(method, Rsst) else None


def penalty_warnings(
    config: TrialConfig, method: Method, epochs: tuple[int, ...], steps_per_epoch: int
) -> tuple[str, ...]:
    """What stands against a penalty that acts, with the figure and the remedy; as `penalty_doubts` finds it."""
    return tuple(doubt.line() for doubt in penalty_doubts(config, method, epochs, steps_per_epoch))


def penalty_doubts(
    config: TrialConfig, method: Method, epochs: tuple[int, ...], steps_per_epoch: int
) -> tuple[Doubt, ...]:
    """Of a trial whose states have these epochs, from state 0 on, of so many optimiser steps each.

    UserError where the method cannot act as asked over the learning rates of a state that removes units.
    """
    settings = strength_settings(config, method)
    states = [one for one in _planned_states(config, method, epochs, steps_per_epoch) if one.plan.shrink]
    if not states:
        return ()
    if states[0].plan.coupling == "decoupled":
        worst = max(states, key=lambda one: one.left_by_shrinking)
        return _of_left(worst.left_by_shrinking, worst, settings)
    train = config.train_of_state(FIRST_PRUNED)
    if train.optimizer in ADAPTIVE:
        return (_normalised_away(train.optimizer, settings),)
    momentum = train.momentum
    worst = max(states, key=lambda one: one.left_by_gradient(momentum))
    return _of_left(worst.left_by_gradient(momentum), worst, settings)


def removal_warnings(
    removal: Mapping[str, float] | None, settings: RsstConfig | None, gone: Collection[Kind] = ()
) -> tuple[str, ...]:
    """What has to be said of the removal of units that had been shrunk: nothing where it cost a point or less, the repair
    included where there was one. `settings` as `strength_settings` has them; `gone` are the kinds of the units."""
    if removal is None:
        return ()
    before, after = removal["val_accuracy_before"], removal.get("val_accuracy_repaired", removal["val_accuracy_after"])
    if not is_dear(before, after):
        return ()
    ratio = removal.get("magnitude_ratio")
    normed = next((told for kind, told in NORMED.items() if kind in gone), None)
    if normed and "val_accuracy_repaired" not in removal and (ratio or 0.0) > NEARLY_NOTHING:
        return (
            f"the removal cost {100 * (before - after):.1f} points of validation accuracy ({100 * before:.1f} % just before, "
            f"{100 * after:.1f} % just after) though the units were shrunk: {normed}; "
            "say prune.compensate: least_squares, which makes up for it",
        )
    sizes = "" if ratio is None else f"; the weights that stay were {ratio:.3g} times as large as those that went"
    return (
        f"the penalty did not act: the removal cost {100 * (before - after):.1f} points of validation accuracy "
        f"({100 * before:.1f} % just before, {100 * after:.1f} % just after{sizes}); {_stronger(settings)}, or give the "
        "states more epochs",
    )


def _planned_states(
    config: TrialConfig, method: Method, epochs: tuple[int, ...], steps_per_epoch: int
) -> Iterator[PlannedState]:
    """One for each length that a state which removes units has; what it removes plays no part in when and how."""
    if not method.traits.makes_smaller:
        return
    train = config.train_of_state(FIRST_PRUNED)
    for count in sorted(set(epochs[config.dense_states :])):
        rates = learning_rates(train.schedule, train.lr, count * steps_per_epoch)
        yield PlannedState(rates, method.plan({"any group": (0,)}, rates, config.prune.rsst))


def _normalised_away(optimizer: str, settings: RsstConfig | None) -> Doubt:
    away = (
        f"goes through {optimizer}, which divides a gradient by its own size and so takes the penalty's strength away"
    )
    if settings is None:
        text = f"as the method plans it, it {away}; plan the coupling decoupled, or say train.optimizer: sgd"
        return Doubt("the penalty hardly acts", 1.0, text)
    return Doubt(
        "prune.rsst.coupling",
        1.0,
        f"gradient {away}; use coupling: decoupled with prune.rsst.shrink, or train.optimizer: sgd",
    )


def _of_left(left: float, state: PlannedState, settings: RsstConfig | None) -> tuple[Doubt, ...]:
    if left <= MOST_LEFT + ROUNDING:
        return ()
    span = f"over {state.plan.remove_after_step} steps at a learning rate of at most {max(state.rates):.3g}"
    if left > 1:
        text = f"it alone makes the dropped weights {left:.3g} times as large, {span}; {_weaker(settings)}"
        return (Doubt("the penalty overshoots", left, text),)
    share = f"{left:.2f}" if left < 0.995 else f"{left:.4g}"
    text = (
        f"it alone leaves {share} of the dropped weights by their removal, {span}, where {MOST_LEFT:g} is the most that "
        f"goes unnoticed; {_remedy(state, settings)}"
    )
    return (Doubt("the penalty hardly acts", left, text),)


def _remedy(state: PlannedState, settings: RsstConfig | None) -> str:
    stronger = _stronger(settings)
    if settings is None or settings.coupling == "gradient" or settings.lambda_max is None:
        return stronger
    span = phases(len(state.rates), settings.ramp, settings.hold)
    values = ramp_values(settings.curve, settings.exponent, span.ramp)
    try:
        same = solve_lambda_max(DEFAULT_SHRINK, state.rates[: span.ramp], values)
    except UserError:
        return "give the states more epochs (train.epochs_per_state), or raise prune.rsst.ramp or train.lr"
    return f"{stronger} (here as strong as lambda_max: {same:.3g})"


def _weaker(settings: RsstConfig | None) -> str:
    return "plan smaller strengths in the method" if settings is None else "lower prune.rsst.lambda_max"


def _stronger(settings: RsstConfig | None) -> str:
    if settings is None:
        return "plan larger strengths in the method"
    if settings.coupling == "gradient":
        return "raise prune.rsst.lambda_max, or use coupling: decoupled with prune.rsst.shrink"
    if settings.lambda_max is None:
        return f"lower prune.rsst.shrink (its default is {DEFAULT_SHRINK:g})"
    return f"set prune.rsst.shrink: {DEFAULT_SHRINK:g} in place of prune.rsst.lambda_max: {settings.lambda_max:g}"
