"""Recorded steps, by a stand-in on a CPU: what is replayed does what an eager step does, or is found out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.errors import UserError
from tests.trainables.recorded_capture import RecordedCapture
from trainables.config.train import TrainConfig
from trainables.training.epoch import EpochResult, train_epoch
from trainables.training.graph_costs import FIRST_CAPTURE, FIRST_SHARE, GraphCosts
from trainables.training.graphs import graph_warnings, graphs_for, reads_back
from trainables.training.held import Held
from trainables.training.optimizers import build_optimizer, set_learning_rate, state_by_name
from trainables.training.precision import loss_scaler
from trainables.training.step import Alone, Engine, Sample, one_step
from trainables.training.step_graph import TOLERANCE, WARM_UP, StepGraph

CPU = torch.device("cpu")
STEPS = 14


def network(seed: int = 0, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 16), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3))


def batches(count: int = STEPS, size: int = 8, seed: int = 1) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(size, 3, 2, 2, generator=generator), torch.randint(0, 3, (size,), generator=generator))
        for _ in range(count)
    ]


RATES = tuple(0.002 * (1 + step % 5) for step in range(STEPS))


def engine(graph: StepGraph | None, precision: str = "float32", dropout: float = 0.0, **train: Any) -> Engine:
    """Eager ones have the learning rate in a tensor too, so that both read the same float32."""
    config = TrainConfig.model_validate({"lr": 0.01, "clip_grad_norm": 0.5, **train})
    model = network(dropout=dropout)
    made = Engine(model, build_optimizer(model, config, CPU), loss_scaler(precision, CPU), config, precision, CPU)
    if graph is not None:
        made.stepper = graph
    return made


def graphed(capture: RecordedCapture, must: bool = True, costs: GraphCosts | None = None) -> StepGraph:
    return StepGraph(lambda: capture, costs or GraphCosts(), must=must)


def trained(made: Engine, data: list[tuple[Tensor, Tensor]], acting: Any = None) -> EpochResult:
    torch.manual_seed(3)
    return train_epoch(made, data, RATES[: len(data)], 0, acting)


def tensors_of(made: Engine) -> dict[str, Tensor]:
    moments = state_by_name(made.model, made.optimizer)
    flat = {f"{name}/{key}": value for name, entry in moments.items() for key, value in entry.items()}
    return {name: tensor.clone() for name, tensor in {**made.model.state_dict(), **flat}.items()}


def assert_equal(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


@pytest.mark.parametrize(
    "train",
    [
        {},
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.0},
        {"clip_grad_norm": None, "label_smoothing": 0.1},
        {"precision": "bfloat16"},
        {"precision": "float16"},
    ],
    ids=str,
)
def test_replayed_steps_are_eager_ones_bit_for_bit(train: dict[str, Any]) -> None:
    """Batch, learning rate and moments are another one's at every step, and random numbers are drawn as ever."""
    capture = RecordedCapture()
    options = {"precision": train.pop("precision", "float32"), "dropout": 0.2}
    eager, ours = engine(None, **options, **train), engine(graphed(capture), **options, **train)
    expected, found = trained(eager, batches()), trained(ours, batches())
    assert capture.recorded == 1
    assert capture.replays == STEPS - WARM_UP, "one for the check, and one for each step after it"
    assert_equal(tensors_of(ours), tensors_of(eager))
    assert found == expected
    assert ours.scaler.state_dict() == eager.scaler.state_dict()


def test_a_teacher_and_soft_targets_are_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def mix(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        even = len(images) - len(images) % 2
        soft = 0.7 * torch.eye(3)[labels[:even]] + 0.3 * torch.eye(3)[labels[:even].flip(0)]
        return images[:even] * 0.7 + images[:even].flip(0) * 0.3, soft

    capture = RecordedCapture()
    results = []
    for graph in (None, graphed(capture)):
        made = engine(graph, distill={"weight": 0.4, "temperature": 2.0})
        made.teacher, made.mix = network(7).eval(), mix
        results.append((trained(made, batches(size=9)), tensors_of(made)))
    assert capture.replays > 0
    assert results[0][0] == results[1][0]
    assert_equal(results[0][1], results[1][1])


def test_smaller_batches_are_trained_eagerly_between_replays() -> None:
    capture = RecordedCapture()
    data = batches()
    data[6], data[-1] = batches(1, size=5, seed=8)[0], batches(1, size=3, seed=9)[0]
    eager, ours = engine(None), engine(graphed(capture))
    assert trained(ours, data) == trained(eager, data)
    assert capture.replays == STEPS - WARM_UP - 2
    assert_equal(tensors_of(ours), tensors_of(eager))


def test_where_only_a_small_batch_was_seen_a_larger_one_begins_anew() -> None:
    capture = RecordedCapture()
    data = [*batches(1, size=3), *batches(STEPS - 1)]
    eager, ours = engine(None), engine(graphed(capture))
    assert trained(ours, data) == trained(eager, data)
    assert capture.recorded == 1
    assert capture.replays == STEPS - 1 - WARM_UP


class Cut(Alone):
    """A new optimiser after a step, as a removal makes one."""

    def __init__(self, made: Engine, at: int) -> None:
        super().__init__(STEPS)
        self.made, self.at = made, at

    def after_step(self, step: int) -> None:
        if step + 1 == self.at:
            last = self.made.model[-1]  # type: ignore[index]  # a Sequential
            last.weight, last.bias = nn.Parameter(last.weight.detach()[:3] * 0.5), nn.Parameter(last.bias.detach()[:3])
            self.made.optimizer = build_optimizer(self.made.model, self.made.config, CPU)


@pytest.mark.parametrize("at", [2, WARM_UP, WARM_UP + 1, WARM_UP + 3])
def test_a_cut_network_is_recorded_anew(at: int) -> None:
    """Whether it comes in the first steps, between recording and check, or among replays."""
    capture = RecordedCapture()
    eager, ours = engine(None), engine(graphed(capture))
    found, expected = trained(ours, batches(), Cut(ours, at)), trained(eager, batches(), Cut(eager, at))
    assert found == expected
    assert capture.recorded == 1 + (at >= WARM_UP)
    assert_equal(tensors_of(ours), tensors_of(eager))


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


def test_it_is_recorded_only_where_the_steps_that_are_left_repay_it() -> None:
    costs = GraphCosts()
    least = FIRST_CAPTURE / (1 - FIRST_SHARE)
    assert not costs.repays(int(least))
    assert costs.repays(int(least) + 1)
    costs.learn(eager=0.004, replayed=0.001, capture=0.06)
    assert not costs.repays(20)
    assert costs.repays(21), "fifteen eager steps, of which a replay saves three quarters each"
    costs.learn(eager=0.004, replayed=0.0041, capture=0.06)
    assert costs.repays(61), "a smaller network may gain where this one did not"

    capture = RecordedCapture()
    graph = graphed(capture, must=False)
    trained(engine(graph), batches())
    assert capture.recorded == 0
    assert graph.told().notes == (f"not captured: {STEPS - WARM_UP} steps of this network do not repay it",)


def test_it_counts_the_steps_of_this_network_and_not_of_the_state() -> None:
    class Short(Alone):
        def steps_left(self, step: int) -> int:
            return 5 - step

    cheap = GraphCosts(capture=1.0)
    for acting, recorded in ((Short(STEPS), 0), (Alone(STEPS), 1)):
        capture = RecordedCapture()
        trained(engine(graphed(capture, must=False, costs=cheap)), batches(), acting)
        assert capture.recorded == recorded


@pytest.mark.parametrize(("slower", "kept"), [(True, False), (False, True)])
def test_a_recording_that_gains_nothing_is_given_up(slower: bool, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = RecordedCapture()
    costs = GraphCosts(capture=1.0)
    graph = graphed(capture, must=False, costs=costs)
    clock = [0.0]
    monkeypatch.setattr("trainables.training.step_graph.time.perf_counter", lambda: clock[0])
    run, replay = capture.run, capture.replay

    def timed_run(work: Callable[[], Any]) -> Any:
        clock[0] += 0.010
        return run(work)

    def timed_replay() -> None:
        clock[0] += 0.020 if slower else 0.002
        replay()

    monkeypatch.setattr(capture, "run", timed_run)
    monkeypatch.setattr(capture, "replay", timed_replay)
    eager, ours = engine(None), engine(graph)
    assert trained(ours, batches()) == trained(eager, batches())
    [note] = graph.told().notes
    assert note.startswith(f"captured: a step takes {20 if slower else 2} ms replayed and 10 ms eagerly; ")
    assert note.endswith("given up, for it gains nothing") is slower
    assert costs.share == pytest.approx(2.0 if slower else 0.2)
    assert costs.capture == pytest.approx(3.0 if slower else 1.2)
    assert (capture.replays == STEPS - WARM_UP) is kept


def test_the_learning_rate_lies_where_a_recorded_step_reads_it() -> None:
    model = network()
    optimizer = build_optimizer(model, TrainConfig(), CPU)
    rate = optimizer.param_groups[0]["lr"]
    set_learning_rate(optimizer, 0.25)
    assert all(group["lr"] is rate for group in optimizer.param_groups)
    assert rate.item() == 0.25


def test_on_a_cpu_steps_are_eager_and_always_is_an_error() -> None:
    assert graphs_for([TrainConfig()], CPU, "float32") is None
    assert graphs_for([TrainConfig(graph="never")], torch.device("cuda"), "bfloat16") is None
    with pytest.raises(UserError, match=r"^train\.graph: found always, but the trial trains on cpu, .*; use auto, or "):
        graphs_for([TrainConfig(graph="always")], CPU, "float32")


def test_sgd_under_a_loss_scaler_is_told_of() -> None:
    recipes = [TrainConfig(), TrainConfig(optimizer="sgd")]
    cuda = torch.device("cuda")
    graphs = graphs_for(recipes, cuda, "float16")
    assert graphs is not None
    assert [reads_back(train, "float16") for train in recipes] == [False, True]
    assert graphs.of_state(recipes[1]) is None
    assert graph_warnings(graphs, recipes)[0].startswith(
        "train.graph: without effect in states that train by sgd in float16"
    )
    assert graph_warnings(graphs_for(recipes, cuda, "bfloat16"), recipes) == ()
    with pytest.raises(UserError, match=r"sgd in float16, which asks the CPU .*; use auto, train"):
        graphs_for([one.model_copy(update={"graph": "always"}) for one in recipes], cuda, "float16")


def test_one_step_returns_what_it_saw_before_the_weights_moved() -> None:
    made = engine(None)
    [(images, labels)] = batches(1)
    sample = Sample(images, labels, labels)
    expected = (made.model(images).argmax(1) == labels).sum()
    assert torch.equal(one_step(made, sample, Alone(1)).correct, expected)
