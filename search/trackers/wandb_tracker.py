"""Weights & Biases: the study is a project, a trial a run in its arm's group, with the phase as its job type."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from search.study.beside.logging_section import WandbConfig
from search.trackers.base import Introduction, Place, TrackedTrial, Tracker
from search.trackers.rows import OTHER_STEPS, Row
from trainables.tensorboard.tags import Scalar

ID_DIGITS = 16
SECONDS_TO_BEGIN = 30.0


class WandbTracker(Tracker):
    has_at_once = False

    def __init__(self, settings: WandbConfig, place: Place) -> None:
        self._settings, self._place = settings, place

    def introduce(self, trial: Introduction, known: str | None) -> TrackedTrial:
        import wandb

        self._place.folder.mkdir(parents=True, exist_ok=True)
        # What wandb gathers of a process and its machine would be of the one that sends, not of the trial.
        silent = wandb.Settings(
            silent=True,
            console="off",
            init_timeout=SECONDS_TO_BEGIN,
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            x_disable_meta=True,
        )
        run = wandb.init(
            project=self._settings.project or self._place.study,
            entity=self._settings.entity,
            group=trial.arm,
            job_type=trial.phase,
            name=trial.id,
            id=known or hashlib.sha256(trial.key.encode()).hexdigest()[:ID_DIGITS],
            resume="allow",
            dir=str(self._place.folder),
            mode=self._settings.mode,
            config=trial.parameters,
            tags=[f"{name}: {value}"[:64] for name, value in trial.tags.items()],
            reinit="create_new",
            settings=silent,
        )
        return _WandbRun(run)


class _WandbRun(TrackedTrial):
    def __init__(self, run: Any) -> None:
        self._run, self.id = run, str(run.id)
        self.known = None if run.offline else max(0, int(run.step) - 1)
        for tag in OTHER_STEPS:
            run.define_metric(_step_of(tag), hidden=True)
            run.define_metric(tag, step_metric=_step_of(tag))

    def send(self, rows: Sequence[Row]) -> None:
        for row in rows:
            others = {name: value for one in row.by_others() for name, value in _with_step(one)}
            self._run.log({**row.by_epoch(), **others}, step=row.step)

    def end(self, status: str, final: Sequence[Scalar], at: float) -> None:
        self._run.summary.update({one.tag: one.value for one in final} | {"status": status})
        self._run.finish(exit_code=0 if status in ("finished", "stopped") else 1)

    def leave(self, at: float) -> None:
        self._run.summary.update({"status": "interrupted"})
        self._run.finish(exit_code=1)


def _step_of(tag: str) -> str:
    return f"{tag}_step"  # wandb takes what stands after a dot for a key within


def _with_step(scalar: Scalar) -> list[tuple[str, float]]:
    return [(scalar.tag, scalar.value), (_step_of(scalar.tag), scalar.step)]
