"""The processes of one pretraining: which of them this one is, and what they tell each other.

`torchrun` and Ray Train start them and say by the environment who they are; without either there is one.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

from models.errors import UserError, WorkFailed
from trainables.data.shares import Share
from trainables.training.precision import resolve_device

Value = TypeVar("Value")
SIGN_OF_LIFE = 1.0
"""Seconds after which processes tell each other that they are still at work, and whether they are asked to leave; torch lets
them wait for minutes."""
LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Read error", "ncclRemoteError")
"""What torch says where a process that it waits for is gone."""
SILENT = "Timed out waiting"
"""What it says where one has not answered for as long as it waits."""


class EndedElsewhere(WorkFailed):
    """Another process has ended the pretraining, and says why."""


@dataclass(frozen=True)
class Processes:
    """`count` of them; this one is `rank` of all, `local_rank` of those on its machine."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @property
    def are_several(self) -> bool:
        return self.count > 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that reads and writes the run's folder, and speaks."""
        return self.rank == 0

    @property
    def share(self) -> Share | None:
        """This process's; None where there is nobody to share with."""
        return Share(self.rank, self.count) if self.are_several else None

    def device(self, name: str) -> torch.device:
        """The one to train on: of several GPUs each process has its own. UserError where it has none."""
        device = resolve_device(name)
        if not self.are_several or device.type != "cuda":
            return device
        if device.index is not None:
            raise UserError(
                f"found {name}, but each process takes a GPU of its own; say cuda or auto", key="train.device"
            )
        there = torch.cuda.device_count()
        if self.local_rank >= there:
            raise UserError(
                f"process {self.local_rank + 1} of this machine finds {there} GPUs, and each takes one of its own; start "
                f"{there} processes here, or say cpu",
                key="train.device",
            )
        own = torch.device("cuda", self.local_rank)
        torch.cuda.set_device(own)
        return own

    def total(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.are_several:
            dist.all_reduce(tensor)
        return tensor

    def gathered(self, tensor: Tensor) -> list[Tensor]:
        """What each process has, by rank; of one shape everywhere."""
        if not self.are_several:
            return [tensor]
        found = [torch.empty_like(tensor) for _ in range(self.count)]
        dist.all_gather(found, tensor)
        return found

    def from_first(self, value: Any) -> Any:
        """The JSON value that the first process has; what the others give is not looked at."""
        if not self.are_several:
            return value
        data = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        size = torch.tensor([len(data)])
        dist.broadcast(size, 0)
        told = data if self.is_first else torch.empty(int(size), dtype=torch.uint8)
        dist.broadcast(told, 0)
        return json.loads(told.numpy().tobytes())

    def tensors_from_first(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those of the first process, on the CPU, in every one."""
        if not self.are_several:
            return dict(tensors)
        told = self.from_first({name: [list(one.shape), str(one.dtype)] for name, one in tensors.items()})
        found: dict[str, Tensor] = {}
        for name, (shape, dtype) in told.items():
            kind = getattr(torch, dtype.removeprefix("torch."))
            one = tensors[name].cpu().contiguous() if self.is_first else torch.empty(shape, dtype=kind)
            if one.numel():
                dist.broadcast(one, 0)
            found[name] = one
        return found

    def together(self, work: Callable[[], Value]) -> Value:
        """What `work` gives here. Where it fails in one process, all leave: that one with its error, the others with
        EndedElsewhere. Of a user's mistake that several find, the first of them speaks alone."""
        if not self.are_several:
            return work()
        value: Value | None = None
        failed: Exception | None = None
        try:
            value = work()
        except Exception as error:
            failed = error
        self._agree(failed)
        return value  # type: ignore[return-value]  # None only where `_agree` has raised

    def patiently(self, work: Callable[[], Value], leaves: Callable[[], bool]) -> Value:
        """`together` for work that may take longer in some processes than torch lets the others wait without a word.

        KeyboardInterrupt, in all, where one of them is asked to leave meanwhile: what is not done yet ends with its process.
        """
        doing = _begun_aside(work)
        while True:
            wait([doing], timeout=SIGN_OF_LIFE)
            busy = not doing.done()
            # What asks to leave may have ended some that worked for this process, and so its work.
            unfinished = busy or doing.exception() is not None
            busy_ones, unfinished_ones, asked = self.total(
                torch.tensor([int(busy), int(unfinished), int(leaves())])
            ).tolist()
            if asked and unfinished_ones:
                raise KeyboardInterrupt("the same command begins where this one did")
            if not busy_ones:
                return self.together(doing.result)

    def first_does(self, work: Callable[[], None], leaves: Callable[[], bool]) -> None:
        """`patiently`, while the others wait."""
        self.patiently(lambda: work() if self.is_first else None, leaves)

    def _agree(self, failed: Exception | None) -> None:
        flags = torch.zeros(self.count, dtype=torch.int64)
        flags[self.rank] = int(failed is not None)
        told_by = [rank for rank, flag in enumerate(self.total(flags).tolist()) if flag]
        if failed is not None and (self.rank == told_by[0] or not isinstance(failed, UserError)):
            raise failed
        if told_by:
            raise EndedElsewhere("another process of this pretraining has failed, and says why") from failed


class Leaving:
    """Whether to leave before the end, which all processes must do after the same step."""

    def __init__(self, processes: Processes, asked: Callable[[], bool]) -> None:
        self._processes, self._asked = processes, asked
        self._flag = torch.zeros(1)
        self._under_way: dist.Work | None = None
        self._agreed = False

    def agreed(self) -> bool:
        """Asked in every process after each step: whether one of them had been told to leave by the step before. Nothing is
        waited for: that step's answers have long been there."""
        if not self._processes.are_several:
            return self._asked()
        self.settle()
        self._flag = torch.tensor([float(self._asked())])
        self._under_way = dist.all_reduce(self._flag, async_op=True)
        return self._agreed

    def settle(self) -> bool:
        """Whether any process has been told to leave by now, once all have answered the last question."""
        if self._under_way is None:
            return not self._processes.are_several and self._asked()
        self._under_way.wait()
        self._under_way = None
        self._agreed = self._agreed or bool(self._flag)
        return self._agreed


@contextmanager
def joined() -> Iterator[Processes]:
    """The processes that this one is started with. WorkFailed where one of them is lost meanwhile."""
    environment = os.environ
    count = int(environment.get("WORLD_SIZE", "1")) if "RANK" in environment else 1
    if count == 1:
        yield Processes()
        return
    own = not dist.is_initialized()
    if own:
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    processes = Processes(int(environment["RANK"]), count, int(environment.get("LOCAL_RANK", "0")))
    try:
        yield processes
    except (KeyboardInterrupt, UserError):
        # All leave after the same step, or have agreed that one has failed. Left to the interpreter's end, gloo's threads may
        # abort it.
        if own:
            dist.destroy_process_group()
        raise
    except RuntimeError as error:
        how = _how_lost(str(error))
        if how is None:
            raise
        # Not `destroy_process_group`, which may wait for the one that is gone.
        raise EndedElsewhere(
            f"another process of this pretraining {how} ({str(error).splitlines()[0][:200]}); the same command goes on from "
            "the last checkpoint"
        ) from error
    if own:
        dist.destroy_process_group()


def _how_lost(said: str) -> str | None:
    """How another process is lost, by what torch said; None where that is about something else."""
    if any(word in said for word in LOST):
        return "is gone"
    return "has not answered for as long as torch waits" if SILENT in said else None


def _begun_aside(work: Callable[[], Value]) -> Future[Value]:
    """In a thread of its own, which keeps nobody from leaving."""
    future: Future[Value] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="aside", daemon=True).start()
    return future
