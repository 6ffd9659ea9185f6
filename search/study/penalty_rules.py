"""Whether RSST's penalty can act wherever an arm's space may lead: what a single trial says of itself, of its corners."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.errors import UserError
from search.config_file import key_tree
from search.space.parameter import Parameter
from search.study.arm import Arm
from search.study.corners import paired_corner_values
from search.study.study import Study
from trainables.config.trial import DataConfig, TrialConfig

if TYPE_CHECKING:  # it loads torch
    from trainables.states.penalty_effect import Doubt

DECIDING = ("train", "prune.method", "prune.rsst", "prune.schedule.states", "data")
"""Keys that the penalty's effect hangs on: its settings, and the learning rate of each of a state's steps."""
CLEARLY = 1.01
"""By what factor a figure must differ for a value to be named as what it hangs on."""

TrainImages = Callable[[DataConfig], int]


@dataclass(frozen=True)
class _Corner:
    values: dict[str, Any]
    doubt: Doubt


def with_penalty_of_space(
    study: Study, arm: Arm, drawn: TrialConfig, told: Sequence[str], train_images: TrainImages
) -> tuple[str, ...]:
    """The warnings `told` of a configuration drawn from the space, those of its penalty replaced by the whole space's."""
    own = {doubt.line() for doubt in _doubts(drawn, train_images)}
    return (*(line for line in told if line not in own), *penalty_warnings_of_space(study, arm, train_images))


def penalty_warnings_of_space(study: Study, arm: Arm, train_images: TrainImages) -> tuple[str, ...]:
    """One warning of each subject, of the corner where it is worst, with the searched values that it hangs on."""
    deciding = [one for one in arm.parameters if any(key_tree.overlap(one.key, key) for key in DECIDING)]
    worst: dict[str, _Corner] = {}
    seen: list[Any] = []
    for values in paired_corner_values(study, arm, deciding):
        config = arm.config(values)
        trained = (config.train_of_state(1), config.epochs_of_states())
        asked = (trained, config.prune.method, config.prune.rsst, config.states, config.data)
        if asked in seen:
            continue
        seen.append(asked)
        for doubt in _doubts(config, train_images):
            if doubt.subject not in worst or doubt.figure > CLEARLY * worst[doubt.subject].doubt.figure:
                worst[doubt.subject] = _Corner(values, doubt)
    return tuple(
        corner.doubt.line(_in_words(_hangs_on(arm, corner, deciding, train_images))) for corner in worst.values()
    )


def _doubts(config: TrialConfig, train_images: TrainImages) -> tuple[Doubt, ...]:
    if not config.prune.traits.shrinks:
        return ()
    from pruning.methods import get_method
    from trainables.data.batching import batch_count
    from trainables.states.penalty_effect import Doubt, penalty_doubts

    steps = batch_count(train_images(config.data), config.train_of_state(1).batch_size)
    try:
        return penalty_doubts(config, get_method(config.prune.method), config.epochs_of_states(), steps)
    except UserError as error:
        return (Doubt("the penalty cannot be had", 1.0, f"such a trial fails before its first step: {error}"),)


def _hangs_on(arm: Arm, corner: _Corner, deciding: Sequence[Parameter], train_images: TrainImages) -> dict[str, Any]:
    """The corner's values that, put to another corner of their own, change the figure clearly or end the doubt."""
    found = dict[str, Any]()
    for parameter in deciding:
        if parameter.key not in corner.values:
            continue
        for other in parameter.distribution.corners():
            if not _same_doubt(arm, corner, {**corner.values, parameter.key: other}, train_images):
                found[parameter.key] = corner.values[parameter.key]
    return found


def _same_doubt(arm: Arm, corner: _Corner, values: Mapping[str, Any], train_images: TrainImages) -> bool:
    try:
        config = arm.config(values)
    except UserError:
        return True  # no trial of the space
    figures = [one.figure for one in _doubts(config, train_images) if one.subject == corner.doubt.subject]
    return bool(figures) and corner.doubt.figure <= CLEARLY * figures[0]


def _in_words(values: Mapping[str, Any]) -> str:
    shown = [f"{key}: {value:.3g}" if isinstance(value, float) else f"{key}: {value}" for key, value in values.items()]
    return f"with {', '.join(shown)}, " if shown else ""
