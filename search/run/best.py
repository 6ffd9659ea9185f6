"""Which of an arm's trials competes, and which of them validation chooses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from search.run.curves import is_feasible, mean_or_none, objective_value
from search.run.trials import RecordedTrial
from search.study.objectives import Objective
from search.study.sections import SearchConfig


def competing(trials: Iterable[RecordedTrial]) -> tuple[RecordedTrial, ...]:
    """The search's trials; those of `prunetune trial`, which no search proposed, only for an arm without any."""
    found = [trial for trial in trials if trial.identity.phase != "confirm"]
    searched = {trial.identity.arm for trial in found if trial.identity.phase == "search"}
    return tuple(trial for trial in found if trial.identity.phase == "search" or trial.identity.arm not in searched)


def best_trial(trials: Iterable[RecordedTrial], search: SearchConfig) -> RecordedTrial | None:
    """The finished search trial of the configuration that validation chooses; the earlier one on a tie.

    It has the highest validation accuracy at its last state (or at the removal that the search's objective names, mean
    over the search's seeds, which must all have finished) among those that keep to the search's constraints.
    """
    by_number: dict[tuple[str, int], list[RecordedTrial]] = {}
    for trial in competing(trials):
        by_number.setdefault((trial.identity.arm, trial.identity.number), []).append(trial)
    scored = [(score, group) for group in by_number.values() if (score := _score(group, search)) is not None]
    if not scored:
        return None
    _, group = max(scored, key=lambda entry: (entry[0], -entry[1][0].identity.number))
    return min(group, key=lambda trial: trial.identity.seed)


def _score(group: Sequence[RecordedTrial], search: SearchConfig) -> float | None:
    wanted = len(search.seeds) if search.seeds else 1
    if len(group) < wanted or not all(trial.finished for trial in group):
        return None
    curves = [trial.states for trial in group]
    # A constraint on cost is not for references whose network stays as large as it began.
    if group[0].traits.makes_smaller and not all(is_feasible(states, search.constraints) for states in curves):
        return None
    plain = Objective(metric="val_accuracy", direction="max")
    objective = next((one for one in search.objective if one.metric == "val_accuracy"), plain)
    return mean_or_none([objective_value(states, objective) for states in curves])
