"""Whether a trial is to be stopped now, decided from the records alone, so that a resumed run decides alike.

Each arm is judged for itself, controls and confirming trials never. Trials that belong together, the seeds of one configuration
and, under shared pairing, the arms' trials of one number, stop together or not at all: only when each of them would. When and
by what a trial is judged is the rule's to say (`stopping/rule.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from search.run.trials import RecordedTrial
from search.run.views import TrialView, trial_view
from search.study.searching.stopping_rules import NOTHING
from search.study.study import Study
from search.tuning.stopping.rule import StoppingRule, rule_of


def stop_reason(study: Study, trials: Iterable[RecordedTrial], trial: RecordedTrial) -> str | None:
    """Why `trial`, which stands at the end of a state, is to be stopped; None to go on. OwnPartFailed for a user's rule."""
    config = study.scheduler
    if config.kind == NOTHING or trial.identity.phase != "search" or trial.identity.arm in study.control_arms():
        return None
    if not trial.states or trial.last.state < config.grace_states:
        return None
    search = trial.identity.replicate
    peers = [other for other in trials if other.identity.phase == "search" and other.identity.replicate == search]
    paired, rule, seen = partners_of(study, peers, trial), rule_of(config), trial_view(trial)
    removed_percent = rule.judged_at(seen, bool(paired))
    if removed_percent is None or (value := seen.val_accuracy_at(removed_percent)) is None:
        return None
    partners = [trial_view(one) for one in paired]
    if not all(one.ended or one.val_accuracy_at(removed_percent) is not None for one in partners):
        return None
    arms = {one.arm for one in (seen, *partners)}
    views = [seen, *(trial_view(one) for one in peers if one.identity.arm in arms and one.id != trial.id)]
    if any(_goes_on(rule, views, one, removed_percent) for one in (seen, *partners)):
        return None
    return f"{config.kind}: val_accuracy {value:.4f} at {removed_percent:.3g} % removed is too low for {trial.identity.arm}"


def partners_of(study: Study, trials: Sequence[RecordedTrial], trial: RecordedTrial) -> list[RecordedTrial]:
    """The other trials that stop together with this one."""
    shared, controls = study.search.pairing == "shared", set(study.control_arms())
    return [
        other
        for other in trials
        if other.id != trial.id
        and other.identity.number == trial.identity.number
        and (other.identity.arm == trial.identity.arm or (shared and other.identity.arm not in controls))
    ]


def _goes_on(rule: StoppingRule, views: Sequence[TrialView], trial: TrialView, removed_percent: float) -> bool:
    if trial.val_accuracy_at(removed_percent) is None:
        return False
    rivals = tuple(one for one in views if one.arm == trial.arm and one.id != trial.id)
    return rule.keeps(trial, rivals, removed_percent)
