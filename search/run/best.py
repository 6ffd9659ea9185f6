"""Which configuration the study's own objective chooses, and which of its trials.

One rule for everything that takes a winner: the confirm phase, the structure of the `scratch` control, the live table,
`status`, the report, the final test, and an export without a budget.

1. Only what keeps to `search.constraints`. References, whose network stays as large as it began, are held to none, and are read
   at their last state whatever removal the objective names.
2. The best of `search.choose`, by default the first objective; then of the other objectives in the order written. With several
   objectives this is a point of their Pareto front.
3. Of equals the higher validation accuracy at the last state, the earlier configuration, the smaller network (MACs), and then
   the order of the run: by arm as the study names them, by seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from statistics import fmean

from search.run.curves import mean_or_none, objective_value, violation
from search.run.trials import RecordedTrial
from search.study.objectives import Objective
from search.study.sections import SearchConfig

ACCURACY = Objective(metric="val_accuracy", direction="max")
MEAN = {"highest": "highest mean", "lowest": "lowest mean", "fewest": "fewest mean", "most": "on average most"}
BEST = {
    "val_accuracy": "highest validation accuracy",
    "val_loss": "lowest validation loss",
    "macs": "fewest MACs",
    "params": "fewest parameters",
    "latency_ms": "lowest latency",
    "removed_percent": "most removed",
}


def competing(trials: Iterable[RecordedTrial]) -> tuple[RecordedTrial, ...]:
    """The search's trials; those of `prunetune trial`, which no search proposed, only for an arm without any."""
    found = [trial for trial in trials if trial.identity.phase != "confirm"]
    searched = {trial.identity.arm for trial in found if trial.identity.phase == "search"}
    return tuple(trial for trial in found if trial.identity.phase == "search" or trial.identity.arm not in searched)


def by_configuration(trials: Iterable[RecordedTrial]) -> dict[tuple[str, int, int], list[RecordedTrial]]:
    """(arm, replicate, number) → the trials of that configuration, one for each of the search's seeds."""
    groups: dict[tuple[str, int, int], list[RecordedTrial]] = {}
    for trial in trials:
        one = trial.identity
        groups.setdefault((one.arm, one.replicate, one.number), []).append(trial)
    return groups


def best_trial(trials: Iterable[RecordedTrial], search: SearchConfig) -> RecordedTrial | None:
    """The trial, on the lowest seed, of the search's best configuration, judged by its mean over the search's seeds.

    Each of its seeds must have finished and keep to the constraints. None where no configuration does.
    """
    groups = by_configuration(competing(trials))
    wanted = len(search.seeds) if search.seeds else 1
    whole = [group for group in groups.values() if len(group) >= wanted and all(one.finished for one in group)]
    ranked = [
        (rank, group)
        for group in whole
        if all(keeps_to([one], search) for one in group) and (rank := _rank(group, search)) is not None
    ]
    if not ranked:
        return None
    _, best = min(ranked, key=itemgetter(0))
    return min(best, key=lambda trial: trial.identity.seed)


def best_confirmed(trials: Iterable[RecordedTrial], search: SearchConfig) -> RecordedTrial | None:
    """The best finished confirm trial of the configuration that is best by its mean over the confirm seeds.

    A configuration whose mean keeps to the constraints comes before one whose mean does not; the trial itself always does.
    What diverged has no network and no part in a mean. None where no finished confirm trial keeps to the constraints.
    """
    ranked = []
    for group in confirmed_configurations(trials):
        takeable = [
            (rank, one) for one in group if keeps_to([one], search) and (rank := _rank([one], search)) is not None
        ]
        if takeable and (rank := _rank(group, search)) is not None:
            _, best = min(takeable, key=itemgetter(0))
            ranked.append(((float(not keeps_to(group, search)), *rank), best))
    return min(ranked, key=itemgetter(0))[1] if ranked else None


def confirmed_configurations(trials: Iterable[RecordedTrial]) -> list[list[RecordedTrial]]:
    """The finished confirm trials of each configuration: an arm at the recipe of one searched trial."""
    groups: dict[tuple[str, str | None], list[RecordedTrial]] = {}
    for trial in trials:
        if trial.identity.phase == "confirm" and trial.finished:
            groups.setdefault((trial.identity.arm, trial.source), []).append(trial)
    return list(groups.values())


def value_of(trial: RecordedTrial, objective: Objective) -> float | None:
    """The objective of one trial; None where its states do not reach the removal that the objective is read at."""
    if not trial.traits.makes_smaller:
        objective = objective.model_copy(update={"at": None})
    return objective_value(trial.states, objective)


def keeps_to(trials: Sequence[RecordedTrial], search: SearchConfig) -> bool:
    """Whether finished trials of one configuration keep to the search's constraints, on average at their last states."""
    if not trials[0].traits.makes_smaller:
        return True
    return all(fmean(violation(one.states, limit) for one in trials) <= 0 for limit in search.constraints)


def criterion(search: SearchConfig, *, of_means: bool = False) -> str:
    """By what the winner is chosen, in words: `highest validation accuracy at 60 % removed within macs <= 0.3 of dense`, or
    `highest mean validation accuracy ...` where it is that of several seeds."""
    first, *others = (_best_of(one, of_means) for one in search.objectives_by_choice)
    front = f" on the front with {' and '.join(others)}" if others else ""
    limits = f" within {constraints_text(search)}" if search.constraints else ""
    return first + front + limits


def constraints_text(search: SearchConfig) -> str:
    return " and ".join(limit.text() for limit in search.constraints)


def is_plain(search: SearchConfig) -> bool:
    """Whether validation accuracy at the last state alone chooses."""
    return search.objective == (ACCURACY,) and not search.constraints


def no_winner(trials: Iterable[RecordedTrial], search: SearchConfig) -> str:
    """Why nothing is chosen from these trials."""
    finished = [trial for trial in trials if trial.finished]
    if not finished:
        return "no trial finished yet"
    if search.constraints and not any(keeps_to([trial], search) for trial in finished):
        return f"no finished trial keeps to {constraints_text(search)}"
    beyond = [one.at for one in search.objective if all(value_of(trial, one) is None for trial in finished)]
    if beyond:
        return f"no finished trial gets to {beyond[0]:g} % removed, where the objective is read"
    return "no configuration has finished where the objective is read"


def _best_of(objective: Objective, of_means: bool) -> str:
    end, rest = BEST[objective.metric].split(" ", 1)
    return f"{MEAN[end] if of_means else end} {rest}" + (
        "" if objective.at is None else f" at {objective.at:g} % removed"
    )


def _rank(trials: Sequence[RecordedTrial], search: SearchConfig) -> tuple[float, ...] | None:
    """Less is better in each place; None where a trial has no value of an objective."""
    means = [(one, _mean(trials, one)) for one in (*search.objectives_by_choice, ACCURACY)]
    values = [-mean if one.direction == "max" else mean for one, mean in means if mean is not None]
    if len(values) < len(means):
        return None
    return (*values, trials[0].identity.number, fmean(one.last.macs for one in trials))


def _mean(trials: Sequence[RecordedTrial], objective: Objective) -> float | None:
    return mean_or_none([value_of(trial, objective) for trial in trials])
