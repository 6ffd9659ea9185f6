"""What a study shows while it runs, on standard error: a live table on a terminal, else one line per event.

Never test accuracy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from search.evidence.formats import duration
from search.run.best import best_trial, no_winner
from search.run.plan import plan_of
from search.run.results import still_outstanding
from search.run.store import TrialStore
from search.run.trials import RecordedTrial, removed_text
from search.study.study import Study
from trainables.config.origins import SMALL_VALIDATION

PACE = 5
"""Epochs of a launch, all trials together, after which its end is foretold."""


@dataclass
class Running:
    """A trial under way, as its newest results show it."""

    trial: RecordedTrial
    epochs: int
    """Epochs of all its states."""
    states: int
    done: int
    state: int = 0
    first: tuple[float, int] | None = None
    """When its first epoch of this launch ended, and how many it had then done."""
    val_accuracy: float | None = None
    waits: bool = False
    """For a state that another trial trains."""
    within: str = ""
    """How far the present epoch is, where it has a checkpoint."""
    removed: str = ""
    """How much of what the target names, and of all parameters."""

    def standing(self) -> str:
        """The live table's word for where it is."""
        if self.waits:
            return "waits"
        loading = self.first is None and not self.within
        return "loading" if loading else f"{self.state} of {self.states}{self.within}"

    def remaining(self, now: float) -> float | None:
        """Seconds to its end at its pace so far; None before its second epoch here: the first one includes its start."""
        if self.first is None or self.done <= self.first[1]:
            return None
        return (now - self.first[0]) / (self.done - self.first[1]) * (self.epochs - self.done)


class Progress:
    """Told of every event of a study; a context manager, so that the terminal is given back however it ends."""

    def __init__(
        self,
        study: Study,
        store: TrialStore,
        console: Console | None = None,
        *,
        heard: Callable[[str], None] | None = None,
    ) -> None:
        """`heard` is given each line that is said."""
        self._study, self._store, self._plans, self._heard = study, store, plan_of(study), heard
        self._console = Console(stderr=True, force_jupyter=False) if console is None else console
        self._running: dict[str, Running] = {}
        self._of_data: set[str] = set()
        """Warnings about the data, which trials share: each is said of the first of them alone."""
        self._first: float | None = None
        """When the first epoch of this launch ended: what came before it was starting up."""
        self._trained = 0
        self._stage: tuple[str, float] | None = None
        self._has_table = self._console.is_terminal
        self._live = Live(console=self._console, get_renderable=self.table, refresh_per_second=2, transient=True)

    def __enter__(self) -> Self:
        if self._has_table:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()  # does nothing where it was not started

    def stage(self, text: str) -> None:
        """What is being done before the first epoch ends, which can take a minute: shown with the seconds it has taken."""
        self._stage = (text, time.monotonic())
        if not self._has_table:
            self.say(text)
        elif self._heard is not None:
            self._heard(text)

    def started(self, trial: RecordedTrial) -> None:
        epochs, before = trial.epochs_of_states, len(trial.record.epochs) if trial.record else 0
        running = Running(trial, sum(epochs), len(epochs) - 1, before)
        if trial.states:
            running.state, running.val_accuracy = trial.last.state, trial.last.val_accuracy
            running.removed = _removed(trial)
        self._running[trial.id] = running
        if before:
            self.say(f"{trial.id}: goes on from its last checkpoint; {before} of {running.epochs} epochs were done")

    def epoch(self, result: dict[str, Any]) -> None:
        """One result of a trial, as the trainable reports it."""
        for warning in result.get("warnings", ()):
            if warning not in self._of_data:
                self.say(f"{result['id']}: {warning}")
            if warning.startswith(SMALL_VALIDATION):
                self._of_data.add(warning)
        running = self._running.get(result["id"])
        if running is None:
            return
        running.waits = result.get("waiting", False)
        if "steps" in result:
            running.state, self._stage = result["state"], None
            running.within = f", {100 * result['steps_done'] // result['steps']} % of epoch {result['epoch']}"
        if "epochs_total" not in result:
            return
        running.within = ""
        running.done, running.state = result["epochs_total"], result["state"]
        running.first = running.first or (time.monotonic(), running.done)
        self._first = self._first or time.monotonic()
        self._stage = None
        self._trained += 1
        if not result["state_ended"]:
            return
        running.val_accuracy = result["val_accuracy"]
        running.removed = removed_text(result["removed_percent"], result.get("removed_of_all_percent"))
        if not self._has_table:
            self.say(
                f"{result['id']}: state {running.state} of {running.states}, val {running.val_accuracy:.4f}, "
                f"removed {running.removed}{_origin(result)}{_left(running.remaining(time.monotonic()))}"
            )

    def left(self, trial: RecordedTrial) -> None:
        """A trial has ended or left its process."""
        self._running.pop(trial.id, None)
        if not trial.ended:
            return
        accuracy = "" if trial.val_accuracy is None else f", val {trial.val_accuracy:.4f}"
        details = (trial.record.end or {}) if trial.record else {}
        reason = details.get("error") or details.get("reason")
        done, total = self.counts()
        self.say(f"{trial.id}: {trial.status}{accuracy}{f' ({reason})' if reason else ''} [{done} of {total}]")

    def say(self, text: str) -> None:
        """One line, above the table where there is one."""
        self._console.print(f"{time.strftime('%H:%M:%S')} {text}", highlight=False, markup=False, soft_wrap=True)
        if self._heard is not None:
            self._heard(text)

    def counts(self) -> tuple[int, int]:
        """Trials ended, and trials in all; confirming ones included."""
        ended = sum(trial.ended for trial in self._store)
        return ended, ended + still_outstanding(self._store.run, self._study, self._store)

    def table(self) -> Table:
        """The live table: the trials under way, then each arm's best, then how far the study is."""
        now = time.monotonic()
        done, total = self.counts()
        table = Table(title=f"{self._study.name}: {done} of {total} trials{_left(self.remaining(now))}")
        table.title_justify = table.caption_justify = "left"
        if self._stage is not None:
            table.caption = f"{self._stage[0]} ... {duration(now - self._stage[1])}"
        for name in ("arm", "trial", "state", "val accuracy", "removed", "time left"):
            table.add_column(name, justify="left" if name in ("arm", "trial") else "right")
        for one in list(self._running.values()):
            table.add_row(
                one.trial.identity.arm,
                one.trial.id,
                one.standing(),
                "" if one.val_accuracy is None else f"{one.val_accuracy:.4f}",
                one.removed,
                "" if (left := one.remaining(now)) is None else duration(left),
            )
        table.add_section()
        for arm in self._study.arms:
            plans = [plan for plan in self._plans if plan.arm == arm]
            trials = [trial for trial in list(self._store) if trial.identity.arm == arm]
            ended = sum(trial.ended and trial.identity.phase == "search" for trial in trials)
            best = best_trial(trials, self._study.search)
            accuracy = "" if best is None else f"{best.last.val_accuracy:.4f}"
            removed = "" if best is None else _removed(best)
            name = no_winner(trials, self._study.search) if best is None else f"best so far: {best.id}"
            counts = f"{ended} of {sum(len(plan.search_ids) for plan in plans)} trials"
            if confirming := sum(plan.confirm_trials for plan in plans):
                confirmed = sum(trial.ended and trial.identity.phase == "confirm" for trial in trials)
                counts += f", {confirmed} of {confirming} confirmed"
            table.add_row(arm, name, counts, accuracy, removed, "", style="bold")
        return table

    def remaining(self, now: float) -> float | None:
        """Seconds until the study is complete, at the pace of epochs so far; None before there is a pace."""
        if self._first is None or self._trained < PACE:
            return None
        known = list(self._store)
        mean = fmean(sum(trial.epochs_of_states) for trial in known)
        under_way = sum(one.epochs - one.done for one in list(self._running.values()))
        waiting = max(0, still_outstanding(self._store.run, self._study, known) - len(self._running))
        return (now - self._first) / (self._trained - 1) * (under_way + waiting * mean)


def _origin(result: dict[str, Any]) -> str:
    return f", taken over from {result['taken_from']}" if "taken_from" in result else ""


def _removed(trial: RecordedTrial) -> str:
    return removed_text(trial.last.removed_percent, trial.removed_of_all_percent(trial.last))


def _left(seconds: float | None) -> str:
    return "" if seconds is None or seconds < 0.5 else f", about {duration(seconds)} left"
