"""A session that starts in the background: what it is asked for, when it is over, and who is told what went wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from models.errors import UserError
from search.study.sections import ResourcesConfig
from search.tuning.cluster.background import BackgroundRay
from search.tuning.cluster.resources import Node

PATIENCE = 20.0


class Sessions:
    """In the place of Ray's: notes what happens in which thread, and comes up when it is let."""

    def __init__(self) -> None:
        self.happened: list[tuple[str, int]] = []
        self.asked: list[ResourcesConfig] = []
        self.let_up = threading.Event()
        self.error: Exception | None = None

    @contextmanager
    def session(self, resources: ResourcesConfig) -> Iterator[tuple[Node, ...]]:
        self.asked.append(resources)
        self.note("starts")
        assert self.let_up.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        try:
            yield (Node(2),)
        finally:
            self.note("ends")

    def note(self, what: str) -> None:
        self.happened.append((what, threading.get_ident()))

    @property
    def words(self) -> list[str]:
        return [what for what, _ in self.happened]


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> Sessions:
    found = Sessions()
    monkeypatch.setattr("search.tuning.cluster.background.ray_session", found.session)
    monkeypatch.setattr("search.tuning.cluster.background.set_environment", lambda *_, **__: found.note("environment"))
    return found


def resources(**given: object) -> ResourcesConfig:
    return ResourcesConfig.model_validate(given)


def begin_and_fail(ray: BackgroundRay, error: Exception) -> None:
    ray.begin()
    raise error


def test_it_starts_while_something_else_is_done_and_ends_with_the_block(sessions: Sessions) -> None:
    with BackgroundRay(resources(), trials=4) as ray:
        ray.begin()
        ray.begin()
        assert sessions.words[0] == "environment"
        sessions.let_up.set()
        assert ray.nodes() == (Node(2),)
        assert ray.nodes() == (Node(2),)
    assert sessions.words == ["environment", "starts", "ends"]
    ray.close()
    assert sessions.words == ["environment", "starts", "ends"]


def test_the_thread_that_started_ray_ends_it(sessions: Sessions) -> None:
    """Linux kills what a thread has started as soon as that thread is over."""
    sessions.let_up.set()
    with BackgroundRay(resources(), trials=4) as ray:
        ray.nodes()
        started = dict(sessions.happened)["starts"]
        assert started != threading.get_ident()
        assert started in {thread.ident for thread in threading.enumerate()}
    assert dict(sessions.happened)["ends"] == started


def test_what_went_wrong_is_told_to_who_asks_for_the_machines(sessions: Sessions) -> None:
    sessions.error = UserError("no room for Ray")
    sessions.let_up.set()
    with BackgroundRay(resources(), trials=4) as ray:
        ray.begin()
        with pytest.raises(UserError, match="no room for Ray"):
            ray.nodes()


def test_a_study_that_is_wrong_is_told_before_a_ray_that_is(sessions: Sessions) -> None:
    sessions.error = UserError("no room for Ray")
    sessions.let_up.set()
    wrong = UserError("the study is wrong")
    with pytest.raises(UserError, match="the study is wrong"), BackgroundRay(resources(), trials=4) as ray:
        begin_and_fail(ray, wrong)


def test_given_up_while_it_starts_it_ends_as_soon_as_it_is_up(sessions: Sessions) -> None:
    ray = BackgroundRay(resources(), trials=4)
    ray.begin()
    ray.give_up()
    sessions.let_up.set()
    ray.close()
    assert sessions.words == ["environment", "starts", "ends"]


def test_a_cluster_is_joined_only_when_it_is_needed(sessions: Sessions) -> None:
    sessions.let_up.set()
    with BackgroundRay(resources(address="10.0.0.1:6379"), trials=4) as ray:
        ray.begin()
        assert sessions.words == []
        ray.nodes()
    assert sessions.words == ["environment", "starts", "ends"]
    with BackgroundRay(resources(address="10.0.0.1:6379"), trials=4):
        pass
    assert len(sessions.asked) == 1


@pytest.mark.parametrize(("asked", "trials", "most"), [({}, 3, 3), ({"max_concurrent": 2}, 3, 2), ({}, 0, 1)])
def test_no_more_trials_at_once_than_there_are(
    sessions: Sessions, asked: dict[str, object], trials: int, most: int
) -> None:
    sessions.let_up.set()
    with BackgroundRay(resources(**asked), trials) as ray:
        ray.nodes()
    assert sessions.asked[0].max_concurrent == most
