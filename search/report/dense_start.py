"""What `search.state0` tried and found, as a page and a terminal show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from search.evidence.formats import counted, percent, values_text
from search.report.table import Table
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from search.study.dense_recipe import DENSE_ARM


def dense_start_table(results: RunResults) -> Table | None:
    """A row for every trial of state 0; of every search's best it is said that all arms begin with it. None without trials."""
    if not results.dense:
        return None
    heading = ["search", "trial", "recipe", "epochs", "validation", "of the arms"]
    recipes = results.study.dense_recipes or ({},) * results.study.search.replicates
    rows = [
        _row(str(index), recipe, trial)
        for index, recipe in enumerate(recipes)
        if (dense := results.dense_search(index)) is not None
        for trial in dense.trials
    ]
    shown = slice(None) if len(recipes) > 1 else slice(1, None)
    caption = "Searched before the arms, by validation accuracy at the end of state 0; training cost of the arms is without it."
    words = (0, 1, 2, 5) if len(recipes) > 1 else (0, 1, 4)
    return Table(heading[shown], [row[shown] for row in rows], caption, words)


def _row(search: str, recipe: Mapping[str, Any], trial: RecordedTrial) -> list[str]:
    begins = "all begin with this recipe" if recipe == trial.values else ""
    said = percent(trial.val_accuracy) if trial.finished else trial.status
    return [search, trial.id, values_text(trial.values), str(sum(trial.epochs_of_states)), said, begins]


def dense_start_lines(results: RunResults) -> Iterator[str]:
    """For the terminal, one for each search; one where none has begun."""
    study = results.study
    if study.search.state0 is None:
        return
    if not results.dense and not study.dense_recipes:
        yield "search.state0: the dense recipe is sought first; nothing of it has begun"
    for index in range(study.search.replicates):
        head = "search.state0" + (f" of search {index}" if study.search.replicates > 1 else "")
        dense = results.dense_search(index)
        if study.dense_recipes:
            recipe = study.dense_recipes[index]
            yield f"{head}: every arm begins with {values_text(recipe)} ({_found_by(dense, recipe)})"
        elif dense is not None:
            yield f"{head}: {_still_sought(dense)} ({dense.run.name}/)"


def _found_by(dense: RunResults | None, recipe: Mapping[str, Any]) -> str:
    trials = [] if dense is None else _trials_of(dense, recipe)
    if dense is None or not trials:
        return "the search that found it is not there any more"
    over = f", mean of {counted(len(trials), 'seed')}" if len(trials) > 1 else ""
    return f"{trials[0].id} of {counted(len(dense.trials), 'trial')}, validation {percent(_accuracy(trials))}{over}"


def _still_sought(dense: RunResults) -> str:
    if not dense.complete:
        return f"{dense.outstanding} trials to go before the arms"
    best = dense.best_of_arm(DENSE_ARM)
    if best is not None:
        return f"found {values_text(best.values)}; the other searches are still to come"
    return f"none of {counted(len(dense.trials), 'trial')} finished, so the arms have nothing to begin with"


def _trials_of(dense: RunResults, recipe: Mapping[str, Any]) -> list[RecordedTrial]:
    """Those, one for each seed, that a recipe was found with."""
    return [trial for trial in dense.trials if trial.finished and trial.values == recipe]


def _accuracy(trials: Sequence[RecordedTrial]) -> float:
    """By which a recipe is chosen: the mean over its seeds."""
    return fmean(trial.last.val_accuracy for trial in trials)


def dense_start_json(results: RunResults) -> list[dict[str, Any]]:
    """One object for each search that has begun, and is there."""
    searches = ((index, results.dense_search(index)) for index in range(results.study.search.replicates))
    return [_json(dense, _recipe(results, dense, index)) for index, dense in searches if dense is not None]


def _recipe(results: RunResults, dense: RunResults, index: int) -> Mapping[str, Any] | None:
    """What the arms begin with; of a search that has ended before the others have, what it found."""
    if results.study.dense_recipes:
        return results.study.dense_recipes[index]
    best = dense.best_of_arm(DENSE_ARM) if dense.complete else None
    return None if best is None else best.values


def _json(dense: RunResults, recipe: Mapping[str, Any] | None) -> dict[str, Any]:
    trials = [] if recipe is None else _trials_of(dense, recipe)
    found = {"trial": trials[0].id, "values": trials[0].values, "val_accuracy": _accuracy(trials)} if trials else None
    return {
        "run": str(dense.run),
        "complete": dense.complete,
        "trials": len(dense.trials),
        "found": found,
        "training": asdict(dense.training),
    }
