"""What `search.warm_start` can teach a study: whether the earlier run is there, ran what this one will run, and holds anything
that this one's searches can be told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from search.config_file import key_tree
from search.run.best import by_configuration, value_of
from search.run.changing.begun import FILLED_IN
from search.run.folder import RunFolder
from search.run.trials import RecordedTrial, read_trial
from search.study.arm import Arm
from search.study.load import load_study
from search.study.study import Study
from trainables.files.changed_keys import at_most, changed_keys

OUTSIDE = "searched values that this study's space does not hold"
NO_VALUE = "no value of this study's objective"
FAILED = "no result (failed, diverged or not ended)"


def warm_start_warnings(study: Study) -> list[str]:
    """One for each searching arm that learns from trials of another procedure, data set or network, or from none.

    UserError where there is no run.
    """
    if study.search.warm_start is None:
        return []
    earlier = RunFolder.existing(study.search.warm_start)
    known = [read_trial(earlier.trial_folder(trial_id), "interrupted") for trial_id in earlier.trial_ids()]
    wanted = len(load_study(earlier.study_file, recorded=True).search.seeds or (0,))
    lines = [
        _warning(study, arm, earlier.path, [trial for trial in known if trial.identity.arm == arm.name], wanted)
        for arm in study.arms.values()
        if arm.parameters
    ]
    return [f"search.warm_start: {line}" for line in lines if line]


def _warning(study: Study, arm: Arm, earlier: Path, trials: Sequence[RecordedTrial], wanted: int) -> str:
    """`wanted` is on how many seeds the earlier run had each configuration."""
    searched = (one for one in trials if one.identity.phase == "search" and one.identity.replicate == 0)
    configurations = by_configuration(searched)
    ended = [trial for found in configurations.values() for trial in found if trial.ended]
    if not ended:
        return f"{earlier} has no ended search trial of arm {arm.name} to learn from"
    reasons = Counter(why_nothing_to_learn(study, arm, found, wanted) for found in configurations.values())
    if "" not in reasons:
        told = "; ".join(f"{count} with {reason}" for reason, count in reasons.items())
        return f"no configuration of arm {arm.name} in {earlier} can be learnt from: {told}"
    if changes := _changes(study, arm, ended[0]):
        return (
            f"arm {arm.name} learns from trials of another procedure than its own; in {earlier} "
            f"{', '.join(at_most(changes))}"
        )
    return ""


def why_nothing_to_learn(study: Study, arm: Arm, trials: Sequence[RecordedTrial], wanted: int) -> str:
    """Why an earlier run's configuration is none that this study's search can be told; empty where it is one.

    `trials` are the configuration's, one for each seed; `wanted` is on how many seeds the earlier run was to have it.
    """
    if len(trials) < wanted or not all(trial.ended and trial.status not in ("failed", "diverged") for trial in trials):
        return FAILED
    if not study.space.accepts(trials[0].values, arm.name):
        return OUTSIDE
    if all(trial.finished for trial in trials) and any(
        value_of(trial, objective) is None for trial in trials for objective in study.search.objective
    ):
        return NO_VALUE
    return ""


def _changes(study: Study, arm: Arm, trial: RecordedTrial) -> list[str]:
    """What a trial ran that the study's own of the same searched values would not."""
    values = {key: value for key, value in trial.values.items() if key in arm.searched_keys}
    ours, theirs = (dict(key_tree.leaves(one)) for one in (arm.config(values).model_dump(mode="json"), trial.config))
    # What `search.state0` finds is not known yet.
    searched = {*arm.searched_keys, *study.dense_space.keys(), *trial.values}
    looked_at = [
        key
        for key in ours.keys() & theirs.keys()
        if key not in FILLED_IN and not any(key_tree.overlap(key, one) for one in searched)
    ]
    return changed_keys({key: theirs[key] for key in sorted(looked_at)}, {key: ours[key] for key in looked_at})
