"""What networks take for one image, measured in turns on one thread: whether the small one is faster, and is it real."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from scipy.stats import quantile_test
from torch import Tensor, nn

from models.cost import one_thread
from models.export import INPUT, OUTPUT, write_onnx

ROUNDS = 41
WARM_UP = 3
CONFIDENCE = 0.95
Run = Callable[[Tensor], object]


@dataclass(frozen=True)
class Turns:
    """Median milliseconds of each network, and the median of the rounds' ratios (small over dense) with its 95 % interval by
    order statistics."""

    ms: float
    dense_ms: float
    ratio: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """Whether the two are told apart at all."""
        return not self.low <= 1.0 <= self.high

    def text(self) -> str:
        """`0.512 ms (dense 0.933 ms): 0.55 times as long [0.53, 0.58]`."""
        told = f"{self.ms:.3f} ms (dense {self.dense_ms:.3f} ms)"
        found = f"{self.ratio:.2f} times as long [{self.low:.2f}, {self.high:.2f}]"
        return f"{told}: {found}" if self.differs else f"{told}: no difference shown ({found})"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "differs": self.differs}


def in_turns(small: Run, dense: Run, images: Tensor, rounds: int = ROUNDS) -> Turns:
    """Each round runs both, whoever was second being first in the next, so that what else the machine does meets both."""
    for _ in range(WARM_UP):
        small(images)
        dense(images)
    pairs = [_round(small, dense, images, swapped=bool(index % 2)) for index in range(rounds)]
    ratios = [ours / theirs for ours, theirs in pairs]
    low, high = _interval(ratios)
    return Turns(
        ms=1000 * median(ours for ours, _ in pairs),
        dense_ms=1000 * median(theirs for _, theirs in pairs),
        ratio=median(ratios),
        low=low,
        high=high,
    )


def _interval(values: Sequence[float]) -> tuple[float, float]:
    """Of their median, by order statistics; not finite of fewer than six."""
    found = quantile_test(values, q=1.0, p=0.5).confidence_interval(CONFIDENCE)
    return float(found.low), float(found.high)


def _round(small: Run, dense: Run, images: Tensor, *, swapped: bool) -> tuple[float, float]:
    if swapped:
        theirs = _seconds(dense, images)
        return _seconds(small, images), theirs
    return _seconds(small, images), _seconds(dense, images)


def _seconds(run: Run, images: Tensor) -> float:
    began = time.perf_counter()
    run(images)
    return time.perf_counter() - began


def all_in_turns(
    runs: Sequence[Callable[[], object]], *, until: float, fewest: int
) -> list[tuple[float, float, float]]:
    """Median milliseconds of each, and the ends of its 95 % interval.

    Each round runs all, from another one on and every second time backwards. There are ROUNDS of them, fewer where the
    monotonic clock says `until` before, and `fewest` in any case; six at least, for there to be an interval.
    """
    for run in runs:
        run()
    taken: list[list[float]] = [[] for _ in runs]
    for number in range(ROUNDS):
        if number >= fewest and time.monotonic() > until:
            break
        order = [(place + number) % len(runs) for place in range(len(runs))]
        for place in order[::-1] if number % 2 else order:
            began = time.perf_counter()
            runs[place]()
            taken[place].append(1000 * (time.perf_counter() - began))
    return [(median(one), *_interval(one)) for one in taken]


def turns_in_torch(small: nn.Module, dense: nn.Module, input_shape: tuple[int, int, int]) -> Turns:
    """One image at a time, on the CPU."""
    with one_thread(), torch.inference_mode():
        return in_turns(small.eval(), dense.eval(), torch.zeros(1, *input_shape))


def turns_in_onnxruntime(small: Path, dense: nn.Module, input_shape: tuple[int, int, int]) -> Turns:
    """The same of the written ONNX file, and of the dense network written like it for the occasion."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        write_onnx(dense, input_shape, folder / "dense.onnx", {})
        return in_turns(_session(small), _session(folder / "dense.onnx"), torch.zeros(1, *input_shape))


def _session(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda images: session.run([OUTPUT], {INPUT: images.numpy()})
