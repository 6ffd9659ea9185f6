"""A step's work recorded once on a GPU and launched as a whole from then on: what that needs of torch, and no more."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Protocol, TypeVar

import torch

Result = TypeVar("Result")


class Capture(Protocol):
    """Records one piece of work on tensors. `replay` does to the same memory what that did, and repeats none of its Python:
    numbers that are no tensors stay what they were."""

    def run(self, work: Callable[[], Result]) -> Result:
        """Do it now, in the surroundings in which it will be recorded."""

    def record(self, work: Callable[[], Result]) -> Result:
        """Record it; nothing is computed. The tensors in the result are those that `replay` fills. RuntimeError where it
        does something that cannot be recorded."""

    def replay(self) -> None: ...

    def wait(self) -> None:
        """Until all that was launched is done."""

    def forget(self) -> None:
        """Free what was recorded."""


class CudaCapture:
    """By a CUDA graph, on a stream of its own.

    What is done before goes through the same stream: what autograd keeps of an earlier step on another one would break the
    recording (pytorch#64339, #180090).
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = _side_stream(device)
        self._graph: torch.cuda.CUDAGraph | None = None

    def run(self, work: Callable[[], Result]) -> Result:
        present = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(present)
        with torch.cuda.stream(self._stream):
            result = work()
        present.wait_stream(self._stream)
        return result

    def record(self, work: Callable[[], Result]) -> Result:
        graph, present = torch.cuda.CUDAGraph(), torch.cuda.current_stream(self._device)
        # Only this thread's calls count: another one pins the memory of loaded images meanwhile.
        try:
            with (
                torch.cuda.device(self._device),
                torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"),
            ):
                result = work()
        except RuntimeError:
            _leave_recording(self._device, present)
            raise
        self._graph = graph
        return result

    def replay(self) -> None:
        if self._graph is None:
            raise RuntimeError("nothing was recorded")
        self._graph.replay()

    def wait(self) -> None:
        torch.cuda.synchronize(self._device)

    def forget(self) -> None:
        if self._graph is not None:
            self.wait()
            self._graph.reset()
            self._graph = None


def _leave_recording(device: torch.device, present: torch.cuda.Stream) -> None:
    """Earlier versions of torch stay on the recording's stream where it failed (seen with 2.11), and leave the generator
    believing that one goes on."""
    torch.cuda.set_stream(present)
    generator = torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]
    generator.graphsafe_set_state(generator.clone_state())


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """One for each device: memory that was used on a stream is kept for that one."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
