"""How the processes of a pretraining end when one of them fails, is lost, or is asked to leave."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import distributed as dist

from models.errors import UserError
from trainables.pretraining.processes import EndedElsewhere, Processes, joined


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("[/gloo/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:1", "is gone"),
        ("NCCL error in: x.cpp:1, remote process exited or there was a network error\nncclRemoteError: ...", "is gone"),
        ("Timed out waiting 1800000ms for recv operation to complete", "has not answered for as long as torch waits"),
        ("NCCL error in: x.cpp:1, unhandled cuda error, NCCL version 2.27", None),
        ("CUDA out of memory", None),
    ],
)
def test_only_a_lost_process_is_called_one(said: str, told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    with pytest.raises(RuntimeError if told is None else EndedElsewhere) as caught, joined():
        raise RuntimeError(said)
    assert said in str(caught.value) if told is None else f"process of this pretraining {told} (" in str(caught.value)


@pytest.mark.parametrize(
    ("failed_in", "error", "raised"),
    [
        ([0, 1], UserError("mine"), EndedElsewhere),
        ([1], UserError("mine"), UserError),
        ([0, 1], KeyError("a mistake of the program's"), KeyError),
        ([0], None, EndedElsewhere),
    ],
)
def test_of_several_that_fail_the_first_tells_a_users_mistake(
    failed_in: list[int], error: Exception | None, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two, seen from the second."""

    def summed(flags: torch.Tensor) -> None:
        flags[0] += int(0 in failed_in)

    monkeypatch.setattr(dist, "all_reduce", summed)

    def work() -> None:
        if error is not None:
            raise error

    with pytest.raises(raised) as caught:
        Processes(1, 2).together(work)
    assert type(caught.value) is raised


def test_what_takes_long_is_left_when_asked() -> None:
    held = threading.Event()
    try:
        with pytest.raises(KeyboardInterrupt, match="the same command begins where this one did"):
            Processes().patiently(held.wait, lambda: True)
        assert Processes().patiently(lambda: 3, lambda: True) == 3, "what is done is not left"
    finally:
        held.set()
