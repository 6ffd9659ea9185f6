"""The training loop against a plain torch loop, and evaluation against scikit-learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from torch import Tensor, nn
from torch.nn import functional

from trainables.config.train import TrainConfig
from trainables.training.epoch import Diverged, evaluate, train_epoch
from trainables.training.optimizers import build_optimizer
from trainables.training.precision import loss_scaler, resolve_device, resolve_precision
from trainables.training.step import Alone, Engine

CPU = torch.device("cpu")


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 3))


def batches(count: int = 6, seed: int = 1) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(8, 3, 2, 2, generator=generator), torch.randint(0, 3, (8,), generator=generator))
        for _ in range(count)
    ]


def engine(model: nn.Module, **train: Any) -> Engine:
    config = TrainConfig.model_validate({"lr": 0.05, **train})
    return Engine(model, build_optimizer(model, config), loss_scaler("float32", CPU), config, "float32", CPU)


def test_an_epoch_equals_a_plain_torch_loop() -> None:
    ours, plain = network(), network()
    rates = tuple(0.01 * (step + 1) for step in range(6))
    result = train_epoch(engine(ours, label_smoothing=0.1, weight_decay=0.0), batches(), rates, 0)

    optimizer = torch.optim.AdamW(plain.parameters(), lr=1.0, weight_decay=0.0, fused=True)
    losses = []
    for rate, (images, labels) in zip(rates, batches(), strict=True):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        loss = functional.cross_entropy(plain(images), labels, label_smoothing=0.1)
        loss.backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), plain.parameters(), strict=True))
    assert result.loss == pytest.approx(sum(losses) / len(losses))
    assert result.images == 48


def test_distillation_is_the_weighted_sum_of_both_losses() -> None:
    student, teacher = network(0), network(7)
    settings = {"distill": {"weight": 0.3, "temperature": 2.5}, "clip_grad_norm": None}
    taught = engine(student, **settings)
    taught.teacher = teacher.eval()
    [(images, labels)] = batches(1)
    with torch.no_grad():
        hard = functional.cross_entropy(network(0)(images), labels)
        target = torch.softmax(teacher(images) / 2.5, dim=1)
        log_student = torch.log_softmax(network(0)(images) / 2.5, dim=1)
        soft = (target * (target.log() - log_student)).sum(1).mean()
    result = train_epoch(taught, batches(1), (1e-3,), 0)
    assert result.loss == pytest.approx((0.7 * hard + 0.3 * 2.5**2 * soft).item(), rel=1e-5)


@pytest.mark.parametrize("bad_step", [0, 3, 30])
def test_the_step_that_diverged_is_named(bad_step: int) -> None:
    data = batches(40)
    data[bad_step] = (data[bad_step][0] * float("nan"), data[bad_step][1])
    with pytest.raises(Diverged) as caught:
        train_epoch(engine(network()), data, (1e-4,) * 140, 100)
    assert caught.value.step == 100 + bad_step


def test_what_acts_sees_ready_gradients_and_moved_weights() -> None:
    model = network()
    weight = model[1].weight  # type: ignore[index, union-attr]  # a Sequential's second layer
    seen: list[tuple[str, float]] = []

    class Watching(Alone):
        def before_step(self, step: int) -> None:
            seen.append((f"before {step}", float(weight.detach().sum())))

        def on_gradients(self) -> None:
            assert 0 < sum(float(one.grad.square().sum()) for one in model.parameters() if one.grad is not None) <= 1.0
            seen.append(("gradients", float(weight.detach().sum())))

        def on_weights(self) -> None:
            seen.append(("weights", float(weight.detach().sum())))

        def after_step(self, step: int) -> None:
            seen.append((f"after {step}", float(weight.detach().sum())))

    train_epoch(engine(model), batches(2), (0.1,) * 7, 5, Watching(7))
    names = [name for name, _ in seen]
    assert names == [*("before 5", "gradients", "weights", "after 5"), *("before 6", "gradients", "weights", "after 6")]
    assert seen[0][1] == seen[1][1] != seen[2][1] == seen[3][1] == seen[4][1]


def test_evaluation_agrees_with_scikit_learn_and_restores_the_mode() -> None:
    model = network().train()
    data = batches(4)
    found = evaluate(model, data, "float32", CPU)
    logits = torch.cat([model(images) for images, _ in data]).detach()
    labels = torch.cat([labels for _, labels in data])
    assert found.accuracy == pytest.approx(accuracy_score(labels, logits.argmax(1)))
    assert found.loss == pytest.approx(log_loss(labels, logits.double().softmax(1), labels=[0, 1, 2]), rel=1e-5)
    assert model.training


def test_the_cpu_computes_in_float32_unless_told() -> None:
    assert resolve_precision("auto", resolve_device("cpu")) == "float32"
    assert resolve_precision("bfloat16", resolve_device("cpu")) == "bfloat16"
