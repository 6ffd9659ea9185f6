"""The weights that a study leaves to be found: looked for when it is first launched, and by path and SHA-256 the same as long
as its run lives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from models.networks.variants import is_looked_up
from search.run.files.manifest_file import read_manifest, write_manifest
from search.run.folder import RunFolder
from search.run.trials import RecordedTrial
from search.study.arm import Arm, at_its_line
from search.study.corners import corner_values
from search.study.study import Study
from trainables.config.distill import TEACHER_KEY
from trainables.config.found import FoundWeights, found_in, networks_to_find
from trainables.config.trial import TrialConfig
from trainables.files.remote.at_need import fetched

NOTED = "found_weights"
"""In the manifest."""
ARCHITECTURES = ("model.arch", f"{TEACHER_KEY}.arch")


def with_found_weights(study: Study, known: FoundWeights | None = None) -> Study:
    """The study whose trials name the weights that are found for them; those `known` are not looked for.

    UserError, at its line, where there are none. Without a network that asks for it the study itself.
    """
    found: FoundWeights = {**study.found_weights, **(known or {})}
    for arm, values, config in _asking(study):
        from trainables.found_weights import find_weights

        with at_its_line(arm, values):
            found = find_weights([config], found)
    return study.with_found_weights(found) if found else study


def with_weights_of(run: RunFolder, study: Study, trials: Iterable[RecordedTrial]) -> Study:
    """The same for a study that has a run: what its run began with is not looked for again."""
    return with_found_weights(study, {**_of_trials(study, trials), **noted(run)})


def noted(run: RunFolder) -> FoundWeights:
    """What the run's manifest says was found; of a run in a bucket, as it is there."""
    fetched(run.manifest_file)
    found: FoundWeights = read_manifest(run).get(NOTED, {})
    return found


def note(run: RunFolder, study: Study) -> None:
    """Write into the run's manifest what was found, for later launches and other machines. The caller holds the run."""
    if study.found_weights and noted(run) != study.found_weights:
        write_manifest(run, {**read_manifest(run), NOTED: dict(study.found_weights)})


def found_lines(study: Study) -> list[str]:
    """For people: where each network's weights were found."""
    return [f"{network}: {one['found']}" for network, one in study.found_weights.items() if "found" in one]


def _of_trials(study: Study, trials: Iterable[RecordedTrial]) -> FoundWeights:
    """Of a run without a manifest, such as one of single trials; looked at only where something is left to be found."""
    asked = {one.network for _, _, config in _asking(study) for one in networks_to_find(config)}
    if not asked:
        return {}
    known = (found_in(trial.config) for trial in trials)
    return {network: one for found in known for network, one in found.items() if network in asked}


def _asking(study: Study) -> Iterator[tuple[Arm, dict[str, Any], TrialConfig]]:
    """Every configuration at a corner of the space that leaves weights to be found."""
    for arm in (one for one in study.arms.values() if _may_ask(one)):
        for values in corner_values(study, arm):
            config = arm.config(values)
            if any(True for _ in networks_to_find(config)):
                yield arm, values, config


def _may_ask(arm: Arm) -> bool:
    """Whether its network or its teacher may be one that is looked for: most studies' are not, and have many corners."""
    named = [arm.value(key) for key in ARCHITECTURES]
    searched = any(one.decides(key) for one in arm.parameters for key in ARCHITECTURES)
    return searched or any(isinstance(one, str) and is_looked_up(one) for one in named)
