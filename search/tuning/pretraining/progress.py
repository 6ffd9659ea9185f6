"""What a pretraining shows while it runs, on standard error: a bar on a terminal, and a line for each epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from trainables.pretraining.listener import Listener

SHOWN_EVERY = 0.5
"""Seconds between two looks of the bar at the steps."""


class PretrainingProgress:
    """A context manager, so that the terminal is given back however it ends."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = Console(stderr=True, force_jupyter=False) if console is None else console
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._task: TaskID | None = None
        self._done, self._epochs, self._steps = 0, 0, 1
        self._begun_at, self._begun_with = 0.0, 0.0
        self._shown_at = 0.0
        self._last: tuple[float, int] | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def listener(self, **more: Any) -> Listener:
        """For `pretrain`; `more` are the parts of it that are somebody else's."""
        return Listener(epoch=self.epoch, tell=self.tell, start=self.start, step=self.step, **more)

    def tell(self, text: str) -> None:
        self._console.print(f"prunetune: {text}", highlight=False, markup=False, soft_wrap=True)

    def start(self, done: int, epochs: int, steps: int) -> None:
        self._done, self._epochs, self._steps = done, epochs, steps
        self._begun_at, self._begun_with, self._last = time.monotonic(), float(done), None
        if self._console.is_terminal and done < epochs:
            self._task = self._bar.add_task(self._name(), total=float(epochs * steps), told="")

    def step(self, done: int, images: int) -> None:
        """`done` steps of the present epoch, of `images` each."""
        now = time.monotonic()
        if self._last is None:
            # What came before is not of this launch, or was starting up.
            self._last, self._begun_at, self._begun_with = (now, done), now, self._done + done / self._steps
        if self._task is None or now - self._shown_at < SHOWN_EVERY:
            return
        (since, before), self._shown_at = self._last, now
        rate = f"{images * (done - before) / (now - since):,.0f} images/s" if now > since and done > before else ""
        self._last = (now, done)
        place = self._done + done / self._steps
        told = ", ".join(part for part in (f"step {done} of {self._steps}", rate, self._end(place)) if part)
        self._bar.update(self._task, completed=place * self._steps, description=self._name(), told=told)

    def epoch(self, line: Mapping[str, Any]) -> None:
        self._done, self._last = line["epoch"], (time.monotonic(), 0)
        top5 = f", top-5 {line['val_top5']:.4f}" if "val_top5" in line else ""
        parts = [
            f"epoch {line['epoch']}/{self._epochs}: training loss {line['train_loss']:.4f}, "
            f"validation accuracy {line['val_accuracy']:.4f}{top5}",
            f"{line['images_per_second']:,.0f} images/s",
            f"{line['seconds']:.1f} s",
            self._end(float(self._done)),
        ]
        text = ", ".join(part for part in parts if part)
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _name(self) -> str:
        return f"epoch {min(self._done + 1, self._epochs)} of {self._epochs}"

    def _end(self, place: float) -> str:
        """When the last epoch will have ended, at the pace of this launch; `place` is in epochs."""
        gone, passed = place - self._begun_with, time.monotonic() - self._begun_at
        if gone <= 0 or place >= self._epochs:
            return ""
        at = time.time() + passed / gone * (self._epochs - place)
        return f"ends about {time.strftime('%d %b %H:%M', time.localtime(at))}"
