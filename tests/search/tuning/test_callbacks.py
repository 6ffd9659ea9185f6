"""Callbacks are told each event of a run once, from the records, and nothing of the test split; they end no study."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulated_trial import TEST_ACCURACY
from benchmarks.support.simulation import Simulation, make_study
from models.errors import UserError
from search.run.manifest import grown, open_run
from search.tuning.callbacks.events import Event
from search.tuning.callbacks.telling import CallbackTeller, name_of
from search.tuning.callbacks.told import CALLBACKS_FILE, ToldEvents
from tests.search.tuning.own_parts import users
from trainables.files.request import TrialRequest

__all__ = ["users"]

SEARCH = {"algorithm": "random", "trials_per_arm": 3}


def diary(users: Path) -> list[list[Any]]:
    file = users / "diary.txt"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def study_with(users: Path, *callbacks: Any, **sections: Any) -> Any:
    return make_study(users, **{"search": SEARCH, **sections}, callbacks=[*callbacks])


def driven(study: Any, users: Path, storage: str = "runs", **options: Any) -> Simulation:
    """As a launch does it, with a kill after every fifth epoch."""
    simulation = Simulation(study, users / storage, **options)
    for _ in range(12):
        simulation.queue.callbacks.study_starts()
        simulation.go(5)
        simulation.relaunch()
    simulation.queue.callbacks.study_ends()
    return simulation


DIARY = {"diary.py:Diary": {"path": "diary.txt"}}


def test_every_event_is_told_once_however_often_the_driver_is_killed(users: Path) -> None:
    study = study_with(users, DIARY, scheduler={"kind": "median", "min_trials": 2})
    simulation = driven(study, users)
    told = Counter(tuple(line[:3]) for line in diary(users) if line[0] in ("state_end", "trial_end", "trial_start"))
    expected = {("trial_start", trial.id) for trial in simulation.store}
    expected |= {("state_end", trial.id, state.state) for trial in simulation.store for state in trial.states}
    expected |= {("trial_end", trial.id, trial.status) for trial in simulation.store}
    assert told == Counter(expected)
    assert [line[0] for line in diary(users)].count("study_end") == 1
    simulation.relaunch()
    simulation.queue.callbacks.study_ends()
    assert [line[0] for line in diary(users)].count("study_end") == 1


def test_nothing_of_the_test_split_is_shown(users: Path) -> None:
    simulation = driven(study_with(users, DIARY), users)
    text = (users / "diary.txt").read_text()
    assert str(TEST_ACCURACY) not in text
    assert "test" not in text.replace(str(users), "")
    assert any(state.test_accuracy is not None for trial in simulation.store for state in trial.states)


def test_an_end_that_was_mended_is_told_again_and_a_study_that_grew_ends_again(users: Path) -> None:
    def once(request: TrialRequest, epochs: int) -> str | None:
        return "out of luck" if request.identity.id == "rsst-001" and epochs == 1 else None

    study = study_with(users, DIARY)
    simulation = driven(study, users, outcome=once)
    ends = [line[1:3] for line in diary(users) if line[0] == "trial_end" and line[1] == "rsst-001"]
    assert ends == [["rsst-001", "failed"]]
    study = grown(simulation.run, study, trials_per_arm=4)
    driven(study, users, outcome=once)
    assert [line[1] for line in diary(users) if line[0] == "study_end"] == [6, 8]


def test_a_callback_that_raises_is_told_in_a_line_and_the_study_goes_on(users: Path) -> None:
    study = study_with(users, {"diary.py:Diary": {"path": "diary.txt", "fail_at": 1}})
    said: list[str] = []
    logged: list[str] = []
    simulation = Simulation(study, users / "runs").go()
    CallbackTeller(study, simulation.store, said.append, logged.append).study_ends()
    assert said == logged == []  # the queue has told it
    assert len(simulation.queue.notes) == 1
    assert set(simulation.statuses().values()) == {"finished"}


def test_the_first_of_its_errors_is_said_and_all_are_logged(users: Path) -> None:
    study = study_with(users, {"diary.py:Diary": {"path": "diary.txt", "fail_at": 1}})
    store = Simulation(make_study(users, search=SEARCH), users / "runs").go().store
    said: list[str] = []
    logged: list[str] = []
    CallbackTeller(study, store, said.append, logged.append).study_ends()
    (line,) = said
    assert re.match(r"callback diary.py:Diary\([0-9a-f]{8}\): on_state_end of ", line)
    assert "diary.py:18: RuntimeError: the diary is full; the study goes on" in line
    assert Event("on_trial_end", "rsst-000 finished 10001", ()).words == "rsst-000 finished"
    assert "Traceback" in logged[0]
    assert len(logged) == len(list(store))


def test_one_that_comes_later_is_told_from_the_beginning_and_another_like_it_apart(users: Path) -> None:
    simulation = driven(study_with(users, DIARY), users)
    first = diary(users)
    study = study_with(users, DIARY, {"diary.py:Diary": {"path": "second.txt"}})
    again = Simulation(study, users / "runs").go()
    again.queue.callbacks.study_ends()
    assert diary(users) == first
    second = [json.loads(line) for line in (users / "second.txt").read_text().splitlines()]
    told = [{tuple(line[:3]) for line in lines if line[0] in ("state_end", "trial_end")} for lines in (first, second)]
    assert told[0] == told[1]
    assert len(list(simulation.store)) == sum(line[0] == "trial_start" for line in second)


def test_of_two_equal_ones_each_is_told(users: Path) -> None:
    driven(study_with(users, DIARY), users, "once")
    once = [line[0] for line in diary(users)]
    (users / "diary.txt").unlink()
    driven(study_with(users, DIARY, DIARY), users, "twice")
    assert sorted(line[0] for line in diary(users)) == sorted(2 * once)


def test_a_secret_address_stands_neither_in_the_notes_nor_in_what_is_said(users: Path) -> None:
    secret = "https://hooks.example/T0/secret"
    (users / "posts.py").write_text(
        "class Post:\n    def __init__(self, url):\n        self.url = url\n"
        "    def on_trial_end(self, trial):\n        raise OSError('no answer of ' + self.url)\n"
    )
    simulation = Simulation(study_with(users, {"posts.py:Post": {"url": secret}}), users / "runs").go()
    notes = (simulation.run.path / CALLBACKS_FILE).read_text()
    assert "posts.py:Post(" in notes
    assert secret not in notes
    (said,) = simulation.queue.notes
    assert "no answer of (its address)" in said


def test_a_study_whose_failed_trials_went_on_ends_again(users: Path) -> None:
    def once(request: TrialRequest, epochs: int) -> str | None:
        return "out of luck" if request.identity.id == "rsst-001" and epochs == 1 else None

    driven(study_with(users, DIARY), users, outcome=once)
    driven(study_with(users, DIARY), users, retry_failed=True)
    assert [line[0] for line in diary(users)].count("study_end") == 2


def test_a_driver_killed_in_the_midst_of_a_call_makes_it_again(users: Path) -> None:
    study = study_with(users, DIARY)
    simulation = Simulation(study, users / "runs").go()
    file = simulation.run.path / CALLBACKS_FILE
    lines = file.read_bytes().splitlines(True)
    file.write_bytes(b"".join(lines[:-1]) + lines[-1][:10])  # torn
    before = diary(users)
    simulation.relaunch()
    simulation.queue.callbacks.tell_of(simulation.store)
    assert diary(users) == [*before, before[-1]]
    assert ToldEvents(simulation.run.path).of(name_of(study.callbacks[0]))


def test_a_damaged_note_is_a_line_that_says_what_to_do(users: Path) -> None:
    simulation = Simulation(study_with(users, DIARY), users / "runs")
    (simulation.run.path / CALLBACKS_FILE).write_text("nonsense\n")
    with pytest.raises(UserError, match=r"callbacks.jsonl: damaged .*remove it"):
        simulation.go()


def test_callbacks_may_change_between_launches(users: Path) -> None:
    simulation = driven(study_with(users, DIARY), users)
    other = study_with(users, "diary.py:json")
    assert open_run(users / "runs", other).path == simulation.run.path
    assert "diary.py:json" in simulation.run.study_file.read_text()
