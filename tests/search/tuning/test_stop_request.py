"""Leaving a study: first gently, then at once; by signal, by time."""

from __future__ import annotations

import os
import signal

import pytest

from search.tuning.stop_request import Echoes, StopRequest, signals_restored, terminated_like_interrupted


@pytest.fixture(autouse=True)
def no_signal_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SIGTERM of the test before is not this one's."""
    monkeypatch.setattr("search.tuning.stop_request.echoes", Echoes())


def test_the_first_signal_asks_and_the_second_leaves_now() -> None:
    stop_request = StopRequest()
    with signals_restored():
        stop_request.catch_signals()
        assert not stop_request
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop_request
        assert stop_request.interrupted
        assert stop_request.reason == "SIGTERM"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_sigterm_twice_at_once_has_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `timeout` sends it: to its command, and then to the command's group."""
    stop_request = StopRequest()
    with signals_restored():
        stop_request.catch_signals()
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop_request.reason == "SIGTERM"
        monkeypatch.setattr("search.tuning.stop_request.ECHO_SECONDS", 0.0)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_the_echo_of_a_sigterm_does_not_disturb_what_is_cleared_away_after_it() -> None:
    cleared = False
    with terminated_like_interrupted():
        try:
            with terminated_like_interrupted():
                os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGTERM)
            cleared = True
    assert cleared


def test_signals_go_back_to_whoever_had_them() -> None:
    before = signal.getsignal(signal.SIGINT)
    with signals_restored():
        StopRequest().catch_signals()
    assert signal.getsignal(signal.SIGINT) == before


def test_a_spent_time_budget_is_no_interruption() -> None:
    stop_request = StopRequest(time_budget=1e-9)
    assert stop_request
    assert stop_request.reason == "the time budget is spent"
    assert not stop_request.interrupted
    assert not StopRequest(time_budget=60)


def test_the_first_reason_stays() -> None:
    stop_request = StopRequest()
    stop_request.ask("one")
    stop_request.ask("two")
    assert stop_request.reason == "one"
