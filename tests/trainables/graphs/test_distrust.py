"""A replay that does not do what an eager step does is found out, and nothing of it stays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.trainables.graphs.engines import (
    STEPS,
    assert_equal,
    batches,
    engine,
    graphed,
    tensors_of,
    trained,
)
from tests.trainables.recorded_capture import RecordedCapture
from trainables.training.held import Held
from trainables.training.step import Alone, Engine
from trainables.training.step_graph import TOLERANCE, WARM_UP, StepGraph


def spoiled(change: Callable[[Engine], None]) -> tuple[Engine, StepGraph, RecordedCapture]:
    capture = RecordedCapture()
    graph = graphed(capture)
    made = engine(graph)

    @torch.no_grad()
    def spoil() -> None:
        change(made)

    capture.spoil = spoil
    return made, graph, capture


def other_weight(made: Engine) -> None:
    made.model[-1].weight.mul_(1.01)  # type: ignore[index, union-attr]  # a Sequential's last layer


def other_statistics(made: Engine) -> None:
    made.model[1].running_mean.add_(0.1)  # type: ignore[index, union-attr]  # its BatchNorm


def other_moment(made: Engine) -> None:
    for state in made.optimizer.state.values():
        state["exp_avg"].mul_(1.02)


def no_number(made: Engine) -> None:
    made.model[-1].bias.fill_(float("nan"))  # type: ignore[index, union-attr]  # a Sequential's last layer


@pytest.mark.parametrize("change", [other_weight, other_statistics, other_moment, no_number])
def test_a_replay_that_ends_elsewhere_is_not_trusted(change: Callable[[Engine], None]) -> None:
    made, graph, capture = spoiled(change)
    eager = engine(None)
    assert trained(made, batches()) == trained(eager, batches())
    assert capture.replays == 1
    assert_equal(tensors_of(made), tensors_of(eager))
    told = graph.told()
    assert told.replayed == 0
    assert told.notes == ("captured, and not used: see the warning",)
    [warning] = told.warnings
    assert warning.startswith("train.graph: a replayed step ended ")
    assert warning.endswith(f"where {100 * TOLERANCE:g} % is allowed; this network trains eagerly")
    assert graph.told().warnings == (), "told once"


@pytest.mark.parametrize("fault", ["a learning rate from before", "a batch from before", "another loss"])
def test_the_check_finds_what_was_frozen_in_recording(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step it is checked on has another batch and another learning rate than the one that was recorded."""
    capture = RecordedCapture()
    graph = graphed(capture)
    made = engine(graph)
    record = capture.record

    def frozen(work: Callable[[], Any]) -> Any:
        result = record(work)
        for operation in capture.operations:
            if fault == "a learning rate from before" and "_fused_adamw_" in str(operation.function):
                operation.kwargs["lr"] = operation.kwargs["lr"].clone()
            if fault == "a batch from before" and "convolution.default" in str(operation.function):
                operation.args = (operation.args[0].clone(), *operation.args[1:])
        if fault == "another loss":
            loss = result.loss
            capture.spoil = lambda: loss.mul_(1.05)
        return result

    monkeypatch.setattr(capture, "record", frozen)
    eager = engine(None)
    assert trained(made, batches()) == trained(eager, batches())
    assert capture.replays == 1
    assert len(graph.told().warnings) == 1
    assert_equal(tensors_of(made), tensors_of(eager))


def test_what_cannot_be_recorded_trains_eagerly_and_leaves_no_trace() -> None:
    class Reads(Alone):
        def on_gradients(self) -> None:
            float(self.gradient().sum())

    capture = RecordedCapture()
    graph = graphed(capture)
    eager, ours = engine(None, precision="float16"), engine(graph, precision="float16")
    for made in (eager, ours):
        acting = Reads(STEPS)
        acting.gradient = lambda made=made: made.model[-1].weight.grad  # type: ignore[attr-defined]  # of the test
        trained(made, batches(), acting)
    assert capture.recorded == capture.replays == 0
    assert_equal(tensors_of(ours), tensors_of(eager))
    [warning] = graph.told().warnings
    assert warning == (
        "train.graph: a step cannot be captured (operation not permitted when stream is capturing); this network trains eagerly"
    )


@pytest.mark.parametrize("copies", [0, 1])
def test_without_memory_for_a_check_nothing_is_replayed(copies: int, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = RecordedCapture()
    graph = graphed(capture)
    held = [Held.of] * copies

    def of(made: Engine) -> Held:
        if not held:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return held.pop()(made)

    monkeypatch.setattr("trainables.training.step_graph.Held.of", of)
    eager, ours = engine(None), engine(graph)
    assert trained(ours, batches()) == trained(eager, batches())
    assert (capture.recorded, capture.replays) == (1, 0)
    assert_equal(tensors_of(ours), tensors_of(eager))
    assert graph.told().warnings == (
        "train.graph: there is no memory left to check a replay; this network trains eagerly",
    )


def overflowing(graph: StepGraph | None, exponent: int, steps: int) -> tuple[Engine, int]:
    """Trained with a loss scaler that begins at this power of two, and how many steps overflowed and halved it."""
    made = engine(graph, precision="float16")
    made.scaler.load_state_dict({**made.scaler.state_dict(), "scale": 2.0**exponent})
    trained(made, batches()[:steps])
    return made, exponent - round(math.log2(made.scaler.get_scale()))


def test_a_step_that_moves_nothing_checks_nothing() -> None:
    """As where gradients overflow under a loss scaler; the first step that moves does."""
    capture = RecordedCapture()
    graph = graphed(capture)
    bad = WARM_UP + 2
    exponent = next(one for one in range(10, 40) if overflowing(None, one, bad + 1)[1] == bad)
    ours, overflows = overflowing(graph, exponent, STEPS)
    assert overflows >= bad
    assert capture.replays == STEPS - WARM_UP
    assert graph.told().replayed == STEPS - WARM_UP - 3, "three were for the check"
    assert_equal(tensors_of(ours), tensors_of(overflowing(None, exponent, STEPS)[0]))
