"""What `search.warm_start` can teach a study: whether the earlier run is there, and whether it ran what this one will run."""

from __future__ import annotations

from search.config_file import key_tree
from search.run.begun import FILLED_IN
from search.run.folder import RunFolder
from search.run.trials import RecordedTrial, read_trial
from search.study.arm import Arm
from search.study.study import Study
from trainables.files.changed_keys import at_most, changed_keys


def warm_start_warnings(study: Study) -> list[str]:
    """One for each arm that learns from trials of another procedure, data set or network, or from none. UserError where there
    is no run."""
    if study.search.warm_start is None:
        return []
    earlier = RunFolder.existing(study.search.warm_start)
    known = [read_trial(earlier.trial_folder(trial_id), "interrupted") for trial_id in earlier.trial_ids()]
    ended = [trial for trial in known if trial.ended and trial.identity.phase == "search"]
    lines = []
    for arm in study.arms.values():
        first = next((trial for trial in ended if trial.identity.arm == arm.name), None)
        if first is None:
            lines.append(f"search.warm_start: {earlier.path} has no ended search trial of arm {arm.name} to learn from")
        elif changes := _changes(arm, first):
            lines.append(
                f"search.warm_start: arm {arm.name} learns from trials of another procedure than its own; in {earlier.path} "
                f"{', '.join(at_most(changes))}"
            )
    return lines


def _changes(arm: Arm, trial: RecordedTrial) -> list[str]:
    """What a trial ran that the study's own of the same searched values would not."""
    values = {key: value for key, value in trial.values.items() if key in arm.searched_keys}
    ours, theirs = (dict(key_tree.leaves(one)) for one in (arm.config(values).model_dump(mode="json"), trial.config))
    searched = {*arm.searched_keys, *trial.values}
    looked_at = [
        key
        for key in ours.keys() & theirs.keys()
        if key not in FILLED_IN and not any(key_tree.overlap(key, one) for one in searched)
    ]
    return changed_keys({key: theirs[key] for key in sorted(looked_at)}, {key: ours[key] for key in looked_at})
