"""A run as Python is given it."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import UserError
from models.names import nearest, suggestion
from prunetune.trials import Trial
from search.commands.common import working_copy
from search.report.status import status_json, status_text
from search.run.results import RunResults, load_results
from search.study.study import Study

if TYPE_CHECKING:
    import pandas as pd


class Run:
    """A run's folder, or its URL, as it stood when this was made; make another to look again. Also while it is driven, and
    from another process. `print(run)` shows what `prunetune status` prints.

    UserError where there is no run, or where one of its files is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.results: RunResults = load_results(working_copy(os.fspath(folder), 1))
        """Everything that was read, for what has no property here; its types may change between versions."""

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    def __str__(self) -> str:
        return status_text(self.results)

    @property
    def folder(self) -> Path:
        """Where it is on this machine."""
        return self.results.run

    @property
    def study(self) -> Study:
        """What was asked for."""
        return self.results.study

    @property
    def complete(self) -> bool:
        """Whether every trial that the study asks for has ended."""
        return self.results.complete

    @cached_property
    def status(self) -> dict[str, Any]:
        """The object that `prunetune status --json` prints: `complete`, `trials`, `arms`, `best`, `warnings` and more."""
        return status_json(self.results)

    @property
    def best(self) -> Trial | None:
        """The trial whose configuration validation chose among the arms that compete; None before one has finished."""
        return self.best_of()

    def best_of(self, arm: str | None = None) -> Trial | None:
        """The same of one arm. UserError where the run has no such arm."""
        if arm is not None and arm not in self.results.arm_names:
            known = self.results.arm_names
            raise UserError(f"{self.folder} has no arm {arm!r} ({', '.join(known)}){suggestion(nearest(arm, known))}")
        found = self.results.best_of_run() if arm is None else self.results.best_of_arm(arm)
        return None if found is None else Trial(found)

    def trial(self, trial_id: str) -> Trial:
        """One trial by its id. UserError, naming those there are, where the run has no such trial."""
        found = self.results.trial(trial_id)
        if found is None:
            known = [one.id for one in self.results.trials]
            raise UserError(
                f"{self.folder} has no trial {trial_id!r}{suggestion(nearest(trial_id, known))}; it has "
                f"{', '.join(known) or 'none yet'}"
            )
        return Trial(found)

    def trials(self) -> pd.DataFrame:
        """A row per trial, at its last completed state.

        Columns: `id`, `arm`, `phase`, `number`, `seed`, `replicate`, `recipe`, `status`, `source`, one for each searched key,
        then as of `states`. Missing before the first state, but for what was asked. No test accuracy: choose by
        `val_accuracy`; `compare` shows the test split.
        """
        from prunetune.frames import trials_frame

        return trials_frame(self.results)

    def states(self) -> pd.DataFrame:
        """A row per completed state of every trial.

        Columns: who it is (as of `trials`), `state` (0 is dense), `epochs` (trained up to its end), `val_accuracy` (0..1),
        `val_loss`, `params`, `macs` (per image), `removed_percent` (0..100, of what the target names),
        `removed_of_all_percent`, `training_macs` (up to its end), `seconds` (of training, up to its end), `macs_share` (of
        dense, 0..1), `kept_KIND` (units left), `removal_…` (what the removal did to the accuracy). No test accuracy.
        """
        from prunetune.frames import states_frame

        return states_frame(self.results)

    def epochs(self) -> pd.DataFrame:
        """A row per epoch of every trial.

        Columns: who it is (as of `trials`), `state`, `epoch` (within it, from 1), `epochs_total`, `training` (`train`; for
        RSST `ramp`, `hold`, `recover`), `train_loss`, `train_accuracy`, `val_accuracy` (0..1), `val_loss`, `lr`, `lambda`
        (the penalty's strength), `params`, `macs`, `removed_percent`, `removed_of_all_percent` (0..100), `seconds`,
        `images_per_second`, `taken_from` (the trial that trained it, where that was another).
        """
        from prunetune.frames import epochs_frame

        return epochs_frame(self.results)
