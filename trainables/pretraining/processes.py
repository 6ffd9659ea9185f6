"""The processes of one pretraining: which of them this one is, and what they tell each other.

`torchrun` and Ray Train start them and say by the environment who they are; without either there is one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
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
SIGN_OF_LIFE = 10.0
"""Seconds after which the first process tells the others that it is still at work; torch lets them wait for minutes."""
LOST = (
    "Connection closed by peer",
    "Connection reset by peer",
    "NCCL",
    "Broken pipe",
    "Timed out waiting",
    "Read error",
)
"""What torch says where a process that it waits for is gone."""


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

    def together(self, work: Callable[[], Value], *, first_alone: bool = False) -> Value:
        """What `work` gives here. Where it fails in one process, all leave: that one with its error, the others with
        EndedElsewhere. `first_alone`: the others begin when the first has done it."""
        if not self.are_several:
            return work()
        if first_alone and not self.is_first:
            self._agree(None)
        value: Value | None = None
        failed: Exception | None = None
        try:
            value = work()
        except Exception as error:
            failed = error
        if first_alone and self.is_first:
            self._agree(failed)
        self._agree(failed)
        return value  # type: ignore[return-value]  # None only where `_agree` has raised

    def first_does(self, work: Callable[[], None]) -> None:
        """`together` for work of the first process that may take longer than the others may wait without a word."""
        if not self.are_several:
            return work()
        with ThreadPoolExecutor(1) as aside:
            doing = aside.submit(work) if self.is_first else None
            while not self._is_done(doing):
                pass
        self.together(lambda: None if doing is None else doing.result())
        return None

    def _is_done(self, doing: Future[None] | None) -> bool:
        if doing is not None:
            wait([doing], timeout=SIGN_OF_LIFE)
        return bool(self.total(torch.tensor([int(doing is not None and doing.done())])))

    def _agree(self, failed: Exception | None) -> None:
        flag = self.total(torch.tensor([int(failed is not None)]))
        if failed is not None:
            raise failed
        if int(flag):
            raise EndedElsewhere("another process of this pretraining has failed, and says why")


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
    except KeyboardInterrupt:
        # All leave after the same step.
        if own:
            dist.destroy_process_group()
        raise
    except RuntimeError as error:
        if not any(word in str(error) for word in LOST):
            raise
        # Not `destroy_process_group`, which may wait for the one that is gone.
        raise EndedElsewhere(
            f"another process of this pretraining is gone ({str(error).splitlines()[0][:200]}); the same command goes on "
            "from the last checkpoint"
        ) from error
    if own:
        dist.destroy_process_group()
