"""The learning rate of every step, against torch's own schedulers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainables.config.train import LearningRateSchedule
from trainables.training.learning_rate import learning_rates

KINDS = ("cosine", "multi_step", "constant")


def reference(scheduler_of, steps: int, peak: float) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak)
    scheduler = scheduler_of(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_cosine_equals_torch() -> None:
    ours = learning_rates(LearningRateSchedule(kind="cosine", warmup=0, final=0.1), 0.5, 40)
    cosine = reference(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=40, eta_min=0.05), 40, 0.5)
    assert ours == pytest.approx(cosine)


def test_multi_step_equals_torch() -> None:
    schedule = LearningRateSchedule(kind="multi_step", warmup=0, milestones=(0.5, 0.75), gamma=0.1)
    ours = learning_rates(schedule, 0.5, 40)
    steps = reference(lambda o: torch.optim.lr_scheduler.MultiStepLR(o, milestones=[20, 30], gamma=0.1), 40, 0.5)
    assert ours == pytest.approx(steps)


def test_warm_up_rises_in_equal_steps_to_the_peak() -> None:
    rates = learning_rates(LearningRateSchedule(kind="constant", warmup=0.25), 0.4, 16)
    assert rates[:4] == pytest.approx((0.1, 0.2, 0.3, 0.4))
    assert rates[4:] == pytest.approx([0.4] * 12)


@given(
    kind=st.sampled_from(KINDS),
    steps=st.integers(1, 200),
    warmup=st.floats(0, 0.99),
    peak=st.floats(1e-6, 10),
)
def test_every_schedule_gives_one_usable_rate_per_step(kind: str, steps: int, warmup: float, peak: float) -> None:
    rates = learning_rates(LearningRateSchedule(kind=kind, warmup=warmup), peak, steps)
    assert len(rates) == steps
    assert all(0 < rate <= peak * (1 + 1e-12) for rate in rates)
    assert max(rates) == pytest.approx(peak)
