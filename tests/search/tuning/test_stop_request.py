"""Leaving a study: first gently, then at once; by signal, by time."""

from __future__ import annotations

import os
import signal

import pytest

from search.tuning.stop_request import StopRequest, signals_restored


def test_the_first_signal_asks_and_the_second_leaves_now() -> None:
    leaving = StopRequest()
    with signals_restored():
        leaving.catch_signals()
        assert not leaving
        os.kill(os.getpid(), signal.SIGTERM)
        assert leaving
        assert leaving.interrupted
        assert leaving.reason == "SIGTERM"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_signals_go_back_to_whoever_had_them() -> None:
    before = signal.getsignal(signal.SIGINT)
    with signals_restored():
        StopRequest().catch_signals()
    assert signal.getsignal(signal.SIGINT) == before


def test_a_spent_time_budget_is_no_interruption() -> None:
    leaving = StopRequest(time_budget=1e-9)
    assert leaving
    assert leaving.reason == "the time budget is spent"
    assert not leaving.interrupted
    assert not StopRequest(time_budget=60)


def test_the_first_reason_stays() -> None:
    leaving = StopRequest()
    leaving.ask("one")
    leaving.ask("two")
    assert leaving.reason == "one"
