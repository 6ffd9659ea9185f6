"""`optuna.log`: the records as an Optuna journal, for optuna-dashboard. A projection: nothing is ever read back from it."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterable
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from models import atomic
from search.run.confirming import in_replicate
from search.run.plan import plan_of
from search.run.store import TrialStore
from search.study.study import Study
from search.tuning.configurations import configurations_of_arm
from search.tuning.proposals.optuna_studies import rebuild
from search.tuning.proposals.told import Told

REST = 20.0
"""Seconds without rewriting the journal for each second that it took."""


class MemoryJournal(BaseJournalBackend):
    """A journal kept in memory until it is written in one go; Optuna's own flushes the disk for every line."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        # Optuna goes on to change some of what it logs, so keep them as they are now.
        self.lines += [json.loads(json.dumps(line)) for line in logs]

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return self.lines[log_number_from:]


def write_optuna_log(study: Study, store: TrialStore, told: Told | None = None) -> None:
    """Replace the run's journal by what the trials say now: one Optuna study for each search of an arm.

    Named `<study>/<arm>`, from the second search on `<study>/<arm>.r<replicate>`. `told` is kept between one and the next.
    """
    journal, known = MemoryJournal(), list(store)
    storage = JournalStorage(journal)
    for plan in plan_of(study):
        configurations = configurations_of_arm(known, plan.arm, len(plan.seeds), plan.replicate)
        name = f"{study.name}/{in_replicate(plan.arm, plan.replicate)}"
        shown = rebuild(study, configurations, storage=storage, name=name, told=told)
        with warnings.catch_warnings():
            # Optuna calls naming experimental; the users of a study need not hear of it.
            warnings.simplefilter("ignore", ExperimentalWarning)
            shown.set_metric_names([objective.metric for objective in study.search.objective])
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in journal.lines)
    atomic.write_text(store.run.optuna_log, text)


class OptunaLog:
    """Keeps the journal of a run under way fresh, as often as costs next to nothing."""

    def __init__(self, study: Study, store: TrialStore) -> None:
        self._study, self._store, self._told = study, store, Told()
        self._next = 0.0

    def refresh(self) -> None:
        """Write the journal again, unless it is younger than 20 times what writing it took."""
        began = time.monotonic()
        if began < self._next:
            return
        write_optuna_log(self._study, self._store, self._told)
        now = time.monotonic()
        self._next = now + REST * (now - began)
