"""Batches cut into pieces: the same steps as with whole ones, in float64, whatever acts in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pruning.methods import StatePlan
from pruning.penalty import Penalised
from tests.trainables.recorded_capture import RecordedCapture
from trainables.config.train import TrainConfig
from trainables.data.augmentation.mixing import make_mix
from trainables.states.shrinking import Shrinking
from trainables.training.batch_norm import has_batch_norm
from trainables.training.epoch import EpochResult, train_epoch
from trainables.training.graph_costs import GraphCosts
from trainables.training.micro_batches import (
    images_at_a_time,
    micro_batch_warnings,
    next_micro_batches,
    recorded_micro_batches,
)
from trainables.training.optimizers import build_optimizer
from trainables.training.precision import loss_scaler
from trainables.training.step import Alone, Engine, Sample
from trainables.training.step_graph import StepGraph

CPU = torch.device("cpu")
SIZES = (10, 10, 7, 2, 3)
RATES = (0.2, 0.1, 0.3, 0.1, 0.2)
CLASSES = 3


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, CLASSES))
    return model.double()


def batches() -> list[tuple[Tensor, Tensor]]:
    draws = torch.Generator().manual_seed(1)
    return [
        (
            torch.randn(size, 3, 2, 2, generator=draws, dtype=torch.float64),
            torch.randint(0, CLASSES, (size,), generator=draws),
        )
        for size in SIZES
    ]


def engine(model: nn.Module, micro_batches: int, **train: Any) -> Engine:
    settings = {"optimizer": "sgd", "lr": 0.1, "clip_grad_norm": None, **train}
    config = TrainConfig.model_validate(settings)
    made = Engine(model, build_optimizer(model, config), loss_scaler("float32", CPU), config, "float32", CPU)
    made.micro_batches = micro_batches
    made.smallest_piece = 2 if has_batch_norm(model) else 1
    if config.distill.weight > 0:
        made.teacher = network(7).eval()
    return made


class Penalty(Alone):
    """RSST's, on half of a layer's outputs."""

    def __init__(self, model: nn.Module, coupling: Any) -> None:
        super().__init__(len(RATES))
        parameter = model.get_submodule("1").weight
        assert isinstance(parameter, nn.Parameter)
        mask = torch.zeros(16, 1, dtype=torch.float64)
        mask[:8] = 1
        plan = StatePlan(strengths=(0.5, 1.0, 1.5, 2.0, 2.5), coupling=coupling)
        self._shrinking = Shrinking(plan, RATES, (Penalised(parameter, mask),))

    def before_step(self, step: int) -> None:
        self._shrinking.before_step(step)

    def on_gradients(self) -> None:
        self._shrinking.on_gradients()

    def on_weights(self) -> None:
        self._shrinking.on_weights()


METHODS: dict[str, dict[str, Any]] = {
    "plain": {},
    "smoothing": {"label_smoothing": 0.1},
    "mixup": {"mix": (0.8, 0.0), "label_smoothing": 0.1},
    "cutmix": {"mix": (0.0, 1.0)},
    "distillation": {"distill": {"weight": 0.4, "temperature": 2.0}},
    "clip": {"clip_grad_norm": 0.05},
    "decoupled penalty": {"coupling": "decoupled", "clip_grad_norm": 0.05},
    "penalty in the gradient": {"coupling": "gradient", "clip_grad_norm": 0.05},
    "adamw": {"optimizer": "adamw", "lr": 0.01},
}


def trained(micro_batches: int, settings: dict[str, Any]) -> tuple[nn.Module, EpochResult]:
    settings = dict(settings)
    mix, coupling = settings.pop("mix", None), settings.pop("coupling", None)
    model = network()
    made = engine(model, micro_batches, **settings)
    if mix is not None:
        made.mix = make_mix(*mix, CLASSES)
    data = batches()
    if coupling is None:
        np.random.seed(4)
        return model, train_epoch(made, data, RATES, 0)
    return model, train_epoch(made, data, RATES, 0, Penalty(model, coupling))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("micro_batches", [2, 3, 7, 50])
def test_pieces_move_the_weights_as_whole_batches_do(method: str, micro_batches: int) -> None:
    whole, expected = trained(1, METHODS[method])
    cut, found = trained(micro_batches, METHODS[method])
    start = network()
    for name, parameter in whole.named_parameters():
        moved = (parameter - start.get_parameter(name)).abs().max().item()
        apart = (parameter - cut.get_parameter(name)).abs().max().item()
        assert moved > 1e-3, name
        assert apart < 1e-12, (name, apart)
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    assert (found.accuracy, found.images) == (expected.accuracy, expected.images)


def test_the_pieces_of_a_batch_are_as_equal_as_can_be_and_never_empty() -> None:
    images, labels = torch.arange(10.0).view(10, 1, 1, 1), torch.arange(10)
    for pieces in (1, 2, 3, 7, 10, 11, 64):
        made = engine(network(), pieces)
        cut = made.pieces(Sample(images, labels, labels))
        sizes = [len(piece.inputs) for piece in cut]
        assert (len(sizes), sum(sizes)) == (min(pieces, 10), 10)
        assert max(sizes) - min(sizes) <= 1
        assert max(sizes) == images_at_a_time(10, min(pieces, 10))
        assert torch.equal(torch.cat([piece.labels for piece in cut]), labels)
        assert all(piece.targets is piece.labels for piece in cut)


def test_a_network_with_batch_norm_is_never_given_a_single_image() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Linear(8, CLASSES)).double()
    seen: list[int] = []
    model.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    train_epoch(engine(model, 64), batches(), RATES, 0)
    assert seen == [2] * 5 + [2] * 5 + [3, 2, 2] + [2] + [3]


def test_a_step_in_pieces_is_not_recorded_and_its_epoch_says_so() -> None:
    capture = RecordedCapture()
    graph = StepGraph(lambda: capture, GraphCosts(), must=True)
    model = network()
    made = engine(model, 2)
    made.stepper = graph
    train_epoch(made, batches() * 2, RATES * 2, 0)
    told = graph.told()
    assert (told.replayed, told.warnings) == (0, ())
    assert [note for note in told.notes if note.startswith("not captured: batches are cut")] == list(told.notes) != []
    plain = network()
    train_epoch(engine(plain, 2), batches() * 2, RATES * 2, 0)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), plain.parameters(), strict=True))


def test_the_next_number_doubles_until_the_parts_are_single_images() -> None:
    assert [next_micro_batches(48, now) for now in (1, 2, 16, 32, 48, 64)] == [2, 4, 32, 48, None, None]
    assert next_micro_batches(1, 1) is None


def test_a_record_is_gone_on_with_by_the_most_that_it_names() -> None:
    assert recorded_micro_batches([]) == recorded_micro_batches([{"epoch": 1}]) == 1
    assert recorded_micro_batches([{"micro_batches": 2}, {"micro_batches": 8}, {"epoch": 3}]) == 8


def test_a_state_is_warned_of_only_where_its_batches_were_cut() -> None:
    assert micro_batch_warnings(64, 1, batch_norm=True) == ()
    [told] = micro_batch_warnings(64, 3, batch_norm=False)
    assert "22 images at a time of batches of 64" in told
    _, norm = micro_batch_warnings(64, 4, batch_norm=True)
    assert norm.startswith("BatchNorm normalised 16 images at a time, not 64")
