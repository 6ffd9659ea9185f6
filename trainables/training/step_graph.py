"""Steps that are recorded once for each network and replayed: a small network's step is mostly the launching of its kernels.

A network's first steps are taken one by one, which also shows how long that takes. Then one step is recorded, and the next
one is taken twice from the same place, eagerly and by replay: only where both end in the same place are later steps replayed.
What is kept of that step is the eager one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import torch

from trainables.training.capture import Capture, Result
from trainables.training.graph_costs import GraphCosts
from trainables.training.held import Held, fresh_scaler, parted
from trainables.training.step import Acting, Engine, Sample, StepResult, one_step

WARM_UP = 4
"""Eager steps before a recording. The first one makes what libraries and the optimiser keep, and is not timed."""
TIMED_REPLAYS = 3
TOLERANCE = 0.01
"""How far a replayed step may end from the eager one, as a share of how far that one moved the weights; of the loss, as a share
of it. The kernels are the same, so what differs is the order of a few sums: rounding. A stale learning rate, batch or penalty
is above it by far."""


@dataclass
class GraphedNetwork:
    """What is known of the network as it stands. An optimiser belongs to one: whoever cuts the network makes another."""

    optimizer: torch.optim.Optimizer
    static: Sample
    """What a replay reads; batches are copied into it."""
    eager_seconds: list[float] = field(default_factory=list)
    replay_seconds: list[float] = field(default_factory=list)
    capture_seconds: float = 0.0
    taken: int = 0
    result: StepResult | None = None
    """What a replay fills, once a step is recorded."""
    trusted: bool = False
    given_up: bool = False
    apart: float = 0.0
    """What the check found."""


@dataclass(frozen=True)
class Told:
    """Of an epoch: how many of its steps were replayed, what was decided, and what a reader of its figures has to know."""

    replayed: int
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


class StepGraph:
    """A `Stepper`. With `must` it does not ask whether a recording repays."""

    def __init__(self, new_capture: Callable[[], Capture], costs: GraphCosts, *, must: bool) -> None:
        self._capture = new_capture()
        self._costs = costs
        self._must = must
        self._network: GraphedNetwork | None = None
        self._replayed = 0
        self._notes: list[str] = []
        self._warnings: list[str] = []
        self._told_of_pieces = False

    def take(self, engine: Engine, sample: Sample, acting: Acting, step: int) -> StepResult:
        if engine.micro_batches > 1:
            return self._in_pieces(engine, sample, acting)
        network = self._present(engine, sample)
        if network.given_up or len(sample.inputs) < len(network.static.inputs):
            return self._eager(engine, sample, acting)
        for held, given in zip(network.static.parts(), sample.parts(), strict=True):
            held.copy_(given)
        if network.trusted:
            return self._replay(network)
        if network.result is not None:
            return self._check(network, engine, acting)
        result = self._timed_eager(network, engine, acting)
        if network.taken >= WARM_UP:
            self._consider(network, engine, acting, acting.steps_left(step) - 1)
        return result

    def told(self) -> Told:
        """Since it was last asked."""
        told = Told(self._replayed, tuple(self._notes), tuple(self._warnings))
        self._replayed, self._notes, self._warnings = 0, [], []
        return told

    def _present(self, engine: Engine, sample: Sample) -> GraphedNetwork:
        """As it stands: another one where the network was cut, or where only smaller batches were seen until now."""
        known = self._network
        if known is not None and known.optimizer is engine.optimizer and len(known.static.inputs) >= len(sample.inputs):
            return known
        self._capture.forget()
        self._network = GraphedNetwork(engine.optimizer, sample.copied())
        return self._network

    def _in_pieces(self, engine: Engine, sample: Sample, acting: Acting) -> StepResult:
        """Memory is short, and what a recording has for its own serves nothing else."""
        if not self._told_of_pieces:
            self._notes.append("not captured: batches are cut, since the GPU's memory does not do for whole ones")
            self._told_of_pieces = True
        return one_step(engine, sample, acting)

    def _eager(self, engine: Engine, sample: Sample, acting: Acting) -> StepResult:
        return self._capture.run(lambda: one_step(engine, sample, acting))

    def _timed_eager(self, network: GraphedNetwork, engine: Engine, acting: Acting) -> StepResult:
        seconds, result = self._timed(lambda: self._eager(engine, network.static, acting))
        network.taken += 1
        if network.taken > 1:
            network.eager_seconds.append(seconds)
        return result

    def _consider(self, network: GraphedNetwork, engine: Engine, acting: Acting, left: int) -> None:
        """Record a step where that repays over the steps that are left. It is recorded between two steps, so that the one it is
        checked on has another batch, learning rate and penalty."""
        if not self._must and not self._costs.repays(left):
            self._give_up(network, f"not captured: {left} steps of this network do not repay it")
            return
        began = time.perf_counter()
        # Gradients that a step leaves behind are not of the memory that a recording has for its own.
        engine.optimizer.zero_grad(set_to_none=True)
        try:
            network.result = self._capture.record(lambda: one_step(engine, network.static, acting))
        except RuntimeError as error:
            fresh_scaler(engine)
            self._give_up(network, "not captured: see the warning", _reason(error))
        self._capture.wait()
        network.capture_seconds += time.perf_counter() - began

    def _check(self, network: GraphedNetwork, engine: Engine, acting: Acting) -> StepResult:
        """Take the step eagerly, take it back, replay it, and leave the network where the eager one did."""
        assert network.result is not None
        began = time.perf_counter()
        start = self._copies(network, engine)
        result = self._eager(engine, network.static, acting)
        expected = None if start is None else self._copies(network, engine)
        if start is None or expected is None:
            return result
        start.give_back(engine)
        self._capture.replay()
        off = _loss_apart(result, network.result)
        apart = parted(start, expected, engine)
        expected.give_back(engine)
        self._capture.wait()
        network.capture_seconds += time.perf_counter() - began
        # A step that moved nothing, as where gradients overflowed, shows nothing: the next one may.
        if apart is None or off is None:
            return result
        network.apart = max(apart, off)
        network.trusted = network.apart <= TOLERANCE
        if not network.trusted:
            reason = (
                f"a replayed step ended {100 * apart:.3g} % of the step's length away from the eager one, its loss "
                f"{100 * off:.3g} % off, where {100 * TOLERANCE:g} % is allowed"
            )
            self._give_up(network, "captured, and not used: see the warning", reason)
        return result

    def _copies(self, network: GraphedNetwork, engine: Engine) -> Held | None:
        """Of all that a step moves; None where there is no memory for them, and the network goes on as without a recording."""
        try:
            return Held.of(engine)
        except torch.OutOfMemoryError:
            self._give_up(
                network, "captured, and not used: see the warning", "there is no memory left to check a replay"
            )
            return None

    def _replay(self, network: GraphedNetwork) -> StepResult:
        assert network.result is not None
        timed = len(network.replay_seconds) < TIMED_REPLAYS
        if timed:
            seconds, _ = self._timed(self._capture.replay)
            network.replay_seconds.append(seconds)
        else:
            self._capture.replay()
        self._replayed += 1
        # The next replay writes over them.
        result = StepResult(network.result.loss.clone(), network.result.correct.clone())
        if timed and len(network.replay_seconds) == TIMED_REPLAYS:
            self._weigh(network)
        return result

    def _weigh(self, network: GraphedNetwork) -> None:
        eager, replayed = median(network.eager_seconds), median(network.replay_seconds)
        self._costs.learn(eager=eager, replayed=replayed, capture=network.capture_seconds)
        text = (
            f"captured: a step takes {1000 * replayed:.3g} ms replayed and {1000 * eager:.3g} ms eagerly; capture and check "
            f"took {network.capture_seconds:.2g} s and found {100 * network.apart:.2g} % of a step between the two"
        )
        if replayed >= eager and not self._must:
            self._give_up(network, f"{text}; given up, for it gains nothing")
            return
        self._notes.append(text)

    def _give_up(self, network: GraphedNetwork, note: str, reason: str = "") -> None:
        """`reason` is one that a reader of the trial's figures has to know."""
        network.given_up, network.trusted, network.result = True, False, None
        self._notes.append(note)
        if reason:
            self._warnings.append(f"train.graph: {reason}; this network trains eagerly")
        self._capture.forget()

    def _timed(self, work: Callable[[], Result]) -> tuple[float, Result]:
        self._capture.wait()
        began = time.perf_counter()
        result = work()
        self._capture.wait()
        return time.perf_counter() - began, result


def _loss_apart(expected: StepResult, found: StepResult) -> float | None:
    """The difference as a share of the loss; None where the loss is not finite."""
    wanted, got = torch.stack([expected.loss.float(), found.loss.float()]).tolist()
    if not math.isfinite(wanted):
        return None
    apart = abs(wanted - got)
    return apart / max(abs(wanted), torch.finfo(torch.float32).tiny) if math.isfinite(got) else math.inf


def _reason(error: BaseException) -> str:
    """What could not be recorded, in a line: the first error, which the end of the recording wraps in another."""
    while error.__context__ is not None:
        error = error.__context__
    text = str(error).strip() or type(error).__name__
    return f"a step cannot be captured ({text.splitlines()[0]})"
