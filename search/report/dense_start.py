"""What `search.state0` tried and found, as a page and a terminal show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from search.evidence.formats import counted, percent, values_text
from search.report.tables import Table
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from search.study.dense_recipe import DENSE_ARM


def dense_start_table(results: RunResults) -> Table | None:
    """A row for every trial of state 0; of every search's best it is said that all arms begin with it. None without trials."""
    if not results.dense:
        return None
    heading = ["search", "trial", "recipe", "epochs", "validation", "of the arms"]
    rows = [_row(str(index), dense, trial) for index, dense in enumerate(results.dense) for trial in dense.trials]
    shown = slice(None) if len(results.dense) > 1 else slice(1, None)
    caption = "Searched before the arms, by validation accuracy at the end of state 0; training cost of the arms is without it."
    words = (0, 1, 2, 5) if len(results.dense) > 1 else (0, 1, 4)
    return Table(heading[shown], [row[shown] for row in rows], caption, words)


def _row(search: str, dense: RunResults, trial: RecordedTrial) -> list[str]:
    best = dense.best_of_arm(DENSE_ARM) if dense.complete else None
    begins = "all begin with this recipe" if best is not None and best.values == trial.values else ""
    said = percent(trial.val_accuracy) if trial.finished else trial.status
    return [search, trial.id, values_text(trial.values), str(sum(trial.epochs_of_states)), said, begins]


def dense_start_lines(results: RunResults) -> Iterator[str]:
    """For the terminal, one for each search; one where none has begun."""
    if results.study.search.state0 is not None and not results.dense:
        yield "search.state0: the dense recipe is sought first; nothing of it has begun"
    for index, dense in enumerate(results.dense):
        head = "search.state0" + (f" of search {index}" if results.study.search.replicates > 1 else "")
        best, trials = dense.best_of_arm(DENSE_ARM), counted(len(dense.trials), "trial")
        if not dense.complete:
            yield f"{head}: {dense.outstanding} trials to go before the arms ({dense.run.name}/)"
        elif best is None:
            yield f"{head}: none of {trials} finished, so the arms have nothing to begin with ({dense.run.name}/)"
        else:
            found = f"{best.id} of {trials}, validation {percent(best.val_accuracy)}"
            yield f"{head}: every arm begins with {values_text(best.values)} ({found})"


def dense_start_json(results: RunResults) -> list[dict[str, Any]]:
    """One object for each search that has begun."""
    return [_json(dense) for dense in results.dense]


def _json(dense: RunResults) -> dict[str, Any]:
    best = dense.best_of_arm(DENSE_ARM) if dense.complete else None
    return {
        "run": str(dense.run),
        "complete": dense.complete,
        "trials": len(dense.trials),
        "found": None if best is None else {"trial": best.id, "values": best.values, "val_accuracy": best.val_accuracy},
        "training": asdict(dense.training),
    }
