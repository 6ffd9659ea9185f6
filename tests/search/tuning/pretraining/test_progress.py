"""What is shown of a pretraining: a line for each epoch, with the time of the end, and on a terminal a bar."""

from __future__ import annotations

import re
import time
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from search.tuning.pretraining import progress
from search.tuning.pretraining.progress import PretrainingProgress

LINE = {
    "epoch": 2, "train_loss": 1.25, "val_accuracy": 0.5, "val_top5": 0.75, "images_per_second": 1234.5, "seconds": 8.1,
}  # fmt: skip


class Clock:
    """Stands still but for `now`."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def told(terminal: bool = False) -> tuple[PretrainingProgress, StringIO]:
    text = StringIO()
    return PretrainingProgress(Console(file=text, force_terminal=terminal, width=200)), text


def test_an_epochs_line_has_the_time_of_the_end_at_this_launchs_pace(clock: Clock) -> None:
    shown, text = told()
    with shown:
        shown.start(1, 5, 10)
        shown.step(1, 32)
        clock.now += 90
        shown.step(10, 32)
        shown.epoch(LINE)
    # 0.9 epochs in 90 s, and three to come.
    end = time.strftime("%d %b %H:%M", time.localtime(clock.now + 300))
    assert text.getvalue() == (
        "epoch 2/5: training loss 1.2500, validation accuracy 0.5000, top-5 0.7500, 1,234 images/s, 8.1 s, "
        f"ends about {end}\n"
    )


def test_the_last_epochs_line_foretells_nothing(clock: Clock) -> None:
    shown, text = told()
    with shown:
        shown.start(1, 2, 10)
        shown.step(1, 32)
        clock.now += 90
        shown.epoch(LINE)
    assert "ends" not in text.getvalue()


def test_a_terminal_has_a_bar_with_images_per_second(clock: Clock) -> None:
    shown, text = told(terminal=True)
    with shown:
        shown.start(0, 4, 100)
        shown.step(1, 32)
        clock.now += 10
        shown.step(51, 32)
        shown._bar.refresh()
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.getvalue())
    assert "epoch 1 of 4" in plain
    assert "step 51 of 100, 160 images/s, ends about" in plain
