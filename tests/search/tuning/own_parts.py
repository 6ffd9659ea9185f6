"""A user's files for the tests of own samplers, stopping rules and callbacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.own_parts.places import ENVIRONMENT_KEY

FILES = {
    "samplers.py": '''
from optuna.samplers import BaseSampler, RandomSampler


class Noting(RandomSampler):
    """Notes in its trial how many earlier ones it was shown with such a note."""

    def __init__(self, seed, key="noted"):
        super().__init__(seed=seed)
        self.key = key

    def before_trial(self, study, trial):
        noted = sum(self.key in one.system_attrs for one in study.get_trials(deepcopy=False))
        study._storage.set_trial_system_attr(trial._trial_id, self.key, noted)


def unseeded():
    return RandomSampler()


def no_sampler(seed):
    return seed


class Beyond(RandomSampler):
    """Draws ten times the largest value, once it was shown `after` trials."""

    def __init__(self, seed, after=0):
        super().__init__(seed=seed)
        self.after = after

    def sample_independent(self, study, trial, name, distribution):
        if len(study.trials) <= self.after:
            return super().sample_independent(study, trial, name, distribution)
        return distribution.high * 10


class FailsLater(Noting):
    def before_trial(self, study, trial):
        if len(study.trials) > 2:
            raise ZeroDivisionError("no more ideas")
''',
    "rules.py": '''
def low(trial, rivals, removed_percent, floor=0.8):
    return trial.val_accuracy_at(removed_percent) >= floor


def fails(trial, rivals, removed_percent):
    return {}["nothing"]


def undecided(trial, rivals, removed_percent):
    return None


def asks_too_much(trial, rivals):
    return True


class AtTheEnd:
    """Stops the worst half, at the last state alone, as little as that saves."""

    def __init__(self, at):
        self.at = at

    def judged_at(self, trial, paired):
        return self.at if trial.states[-1].removed_percent >= self.at else None

    def keeps(self, trial, rivals, removed_percent):
        reached = [one.val_accuracy_at(removed_percent) for one in rivals]
        better = [one for one in reached if one is not None and one > trial.val_accuracy_at(removed_percent)]
        return 2 * len(better) < 1 + len(rivals)


AT_30 = AtTheEnd(30)
''',
    "diary.py": """
import json


class Diary:
    def __init__(self, path, fail_at=None):
        self.path, self.fail_at = path, fail_at

    def on_study_start(self, study):
        self.write("study_start", study.launch)

    def on_trial_start(self, trial):
        self.write("trial_start", trial.id)

    def on_state_end(self, trial, state):
        self.write("state_end", trial.id, state.state, repr((trial, state)))
        if self.fail_at == state.state:
            raise RuntimeError("the diary is full")

    def on_trial_end(self, trial):
        self.write("trial_end", trial.id, trial.status, repr(trial))

    def on_study_end(self, study):
        self.write("study_end", len(study.trials), repr(study))

    def write(self, *what):
        with open(self.path, "a") as file:
            file.write(json.dumps(what) + "\\n")


class Mute:
    pass


class Misspelt:
    def on_trial_ended(self, trial):
        pass


class HalfMisspelt(Misspelt):
    def on_study_end(self, study):
        pass


class TakesTooLittle(HalfMisspelt):
    def on_state_end(self, trial):
        pass


class Still:
    @staticmethod
    def on_state_end(trial, state):
        pass

    @classmethod
    def on_trial_end(cls, trial, why=None):
        pass


still = Still()
""",
}


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, with these files; it is the working folder."""
    folder = tmp_path / "users"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    return folder
