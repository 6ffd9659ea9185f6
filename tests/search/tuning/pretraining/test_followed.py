"""A pretraining through Ray Train that no machine has begun yet: it is told, and who asks leaves at once."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from search.tuning.pretraining import through_ray
from search.tuning.pretraining.places import Places
from trainables.pretraining.listener import Listener

pytestmark = pytest.mark.ray
PLACES = Places(2, 3, True, ())


class PostOf:
    """What the first process says, a list each time that it is looked for; at the end of them it is done."""

    def __init__(self, *said: list[tuple[str, Any]]) -> None:
        self._said, self.is_asked, self.done = list(said), False, threading.Event()
        self.taken = SimpleNamespace(remote=self._taken)
        self.ask_to_leave = SimpleNamespace(remote=self._asked)

    def _taken(self) -> list[tuple[str, Any]]:
        if not self._said:
            self.done.set()
            return []
        return self._said.pop(0)

    def _asked(self) -> None:
        self.is_asked = True


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.get", lambda value: value)
    monkeypatch.setattr(through_ray, "LOOKS_EVERY", 0.01)
    monkeypatch.setattr(through_ray, "SILENT_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
def test_before_any_process_has_begun_it_is_told_and_left_at_once() -> None:
    told: list[str] = []
    post, heard = PostOf([], [], []), through_ray._Heard()
    listener = Listener(tell=told.append, leaves=lambda: bool(told))
    with pytest.raises(KeyboardInterrupt, match="the same command begins where this one did"):
        through_ray._followed(post.done.wait, post, listener, heard, PLACES)
    assert told == [
        "waiting for Ray to start 2 processes of 3 processors and a GPU each; others may be using the processors or GPUs"
    ]
    assert not post.is_asked


@pytest.mark.usefixtures("at_once")
def test_once_begun_they_are_asked_to_leave() -> None:
    told: list[str] = []
    post, heard = PostOf([("begun", True)], [("left", "after a step")]), through_ray._Heard()
    assert (
        through_ray._followed(post.done.wait, post, Listener(tell=told.append, leaves=lambda: True), heard, PLACES)
        is None
    )
    assert post.is_asked
    assert (heard.begun, heard.left, told) == (True, "after a step", [])
