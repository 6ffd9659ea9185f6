"""Runs of many trials that have ended, and stores of many stages, made without training and without the queue."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from statistics import fmean

from benchmarks.support.machine import milliseconds
from benchmarks.support.simulated_trial import SimulatedTrial
from benchmarks.support.simulation import make_study
from benchmarks.support.structured_trial import SECTIONS, StructuredTrial
from search.run.folder import RunFolder
from search.run.manifest import open_run
from search.run.plan import plan_of
from search.run.store import TrialStore
from search.run.trials import RecordedTrial
from search.study.study import Study
from search.tuning.proposals.optuna_studies import propose
from search.tuning.trial_queue import TrialQueue, Waiting
from trainables.files.record import Identity, StateEnd
from trainables.files.request import TrialRequest, write_request
from trainables.files.state_files import state_file
from trainables.stages.stage import write_stage
from trainables.stages.store import StageStore
from trainables.states.position import Position

END = StateEnd(0, 1, 0.5, 0.5, 0.5, 0.5, 10, 10, 0.0, {}, 1.0, 1.0)
POSITION, LINES = Position(0, 1), [{"epoch": 1}]
BYTES = 256
"""Of a stage's network: what a store costs besides moving its files."""
AMPLE = 1.0
"""Gigabytes for more such stages than any size here."""


def recorded_run(
    folder: Path, trials: int, repeats: int, algorithm: str, *, structured: bool = False
) -> tuple[Study, RunFolder]:
    """A study of two arms in whose run so many trials have finished; it asks for more, enough to measure `HandingOut`
    so often. `structured`: of ViT-S, with the units that each of its sixteen states has left."""
    folder.mkdir(parents=True)
    search = {"algorithm": algorithm, "trials_per_arm": trials // 2 + repeats + 1}
    trial_class, sections = (StructuredTrial, SECTIONS) if structured else (SimulatedTrial, {})
    asked = {"scheduler": {"kind": "asha"}, "retention": {"states": "front"}, **sections}
    study = make_study(folder, search=search, **asked)
    run = open_run(folder / "runs", study)
    drawn = make_study(folder, search={**search, "algorithm": "random"}, **sections)
    for plan in plan_of(study):
        for number in range(trials // 2):
            values = propose(drawn, plan.arm, number, ()).values
            config = study.arms[plan.arm].config(values)
            identity = Identity(plan.search_id(number, None), plan.arm, "search", number, config.seed)
            write_request(run.trial_folder(identity.id), TrialRequest(identity, config.model_dump(mode="json"), values))
            finish(trial_class(run.trial_folder(identity.id)))
    return study, run


def finish(trial: SimulatedTrial) -> None:
    """Every epoch of a trial that was asked for, its end, and the one network that always stays on the disk."""
    while not trial.done:
        trial.step()
    network = trial.folder / state_file(len(trial.epochs) - 1)
    network.parent.mkdir()
    network.touch()


class HandingOut:
    """The queue of a run under way, beside one trial that was handed out and stays under way."""

    def __init__(self, study: Study, run: RunFolder, trial_class: type[SimulatedTrial] = SimulatedTrial) -> None:
        self._trial_class = trial_class
        self._queue, self._algorithm = TrialQueue(study, TrialStore(run)), study.search.algorithm
        self._queue.next()
        # A launch's first look at what trials have in common, which stays known, and at what is gone from the disk.
        self.measure()

    def measure(self) -> dict[str, float]:
        """Milliseconds of one trial's being handed out, of a state's end on the average, and of its coming back."""
        handed_out: list[RecordedTrial | Waiting] = []
        next_one = milliseconds(lambda: handed_out.append(self._queue.next()))
        (trial,) = handed_out
        assert not isinstance(trial, str), "there are trials left"
        ends = self._to_its_end(trial)
        back = milliseconds(lambda: self._queue.give_back(trial.id))
        names = (f"hand out a trial, {self._algorithm}", "end of a state", "take a trial back")
        return dict(zip((f"once: {name}" for name in names), (next_one, ends, back), strict=True))

    def _to_its_end(self, trial: RecordedTrial) -> float:
        simulated, taken = self._trial_class(trial.folder), []
        while not simulated.done:
            if simulated.step().get("state_ended"):
                taken.append(milliseconds(lambda: self._queue.judge(trial.id)))
        return fmean(taken)


def filled_store(folder: Path, stages: int) -> StageStore:
    """A store of so many stages, under the first of all keys, with room for more."""
    # Written without the store, which would look again and again whether they are too many.
    trial, store = trained_state(folder), StageStore(folder / "stages", AMPLE)
    for key in keys_of(0, stages):
        write_stage(store.folder / key[:2] / key, trial, POSITION, {}, LINES, END)
    return store


def bytes_of(store: StageStore) -> int:
    """What all its stages take."""
    return sum(file.stat().st_size for file in store.folder.glob("??/*/*"))


def trained_state(folder: Path) -> Path:
    """A trial's folder with the file of its state 0."""
    trial = folder / "run" / "trials" / "t-000"
    (trial / "states").mkdir(parents=True, exist_ok=True)
    file = trial / "states" / "00.safetensors"
    if not file.exists():
        file.write_bytes(os.urandom(BYTES))
    return trial


def keys_of(first: int, count: int) -> list[str]:
    """So many keys, from number `first` on."""
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in range(first, first + count)]


def publish(store: StageStore, folder: Path, key: str) -> None:
    """One more stage, as a trial shares it."""
    trial = trained_state(folder)
    store.publish(key, lambda target: write_stage(target, trial, POSITION, {}, LINES, END))
