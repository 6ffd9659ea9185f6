"""What a training step costs beside a bare PyTorch loop over the same batches, and beside the best such loop.

Run: python -m benchmarks.step [--rounds 15] [--steps 8] [--json]
A minute or two on one core, for a vision transformer and a convolutional network. Ours is a trial's own in state 0: batches are
taken and normalised, the loss is checked, gradients are clipped, learning rates set, multiply-accumulates counted. A bare loop
does the same arithmetic on images normalised beforehand; `bare` has its optimiser as PyTorch makes it, `best` fused. Times are
of the processor, a few steps of each in turns; a ratio is the median over the rounds, of how fast ours is beside the other.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.support.bare_step import bare_step
from benchmarks.support.machine import machine_text, options_of, show
from trainables.config.trial import TrialConfig
from trainables.files.record import Identity
from trainables.prepare import prepare
from trainables.states.running_state import RunningState
from trainables.training.epoch import train_epoch
from trainables.training.learning_rate import learning_rates


@dataclass(frozen=True)
class Case:
    arch: str
    image_size: int
    batch_size: int
    target: str


CASES = (Case("vit_micro", 8, 64, "both"), Case("timm:resnet18", 32, 32, "channel"))


def config_of(case: Case, steps: int) -> TrialConfig:
    """An epoch of it has so many steps."""
    return TrialConfig.model_validate(
        {
            "model": {"arch": case.arch, "init": {"source": "random"}},
            "data": {"name": "digits", "image_size": case.image_size, "train_limit": steps * case.batch_size},
            "train": {"batch_size": case.batch_size, "device": "cpu"},
            "prune": {"target": case.target},
        }
    )


def ours(running: RunningState) -> Callable[[int], None]:
    """An epoch of a trial in state 0, without what follows it."""
    subject, engine = running.subject, running.engine

    def run(seed: int) -> None:
        batches = subject.data.train_batches(engine.config.batch_size, seed, running.augment)
        train_epoch(engine, batches, running.rates, 0, running)

    return run


def bare(running: RunningState, model: nn.Module, fused: bool) -> Callable[[int], None]:
    """The loop that one writes without prunetune, over all the trial's images."""
    train = running.engine.config
    batches = running.subject.data.calibration_batches(train.batch_size, images=running.subject.data.sizes["train"])
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": train.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=train.lr, betas=train.betas, fused=fused or None)
    rates = learning_rates(train.schedule, train.lr, len(running.rates))

    def run(seed: int) -> None:
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
        model.train()
        for rate, (taken, truth) in zip(rates, _taken(images, labels, order, train.batch_size), strict=False):
            bare_step(model, optimiser, rate, taken, truth, train.clip_grad_norm)

    return run


def _taken(images: Tensor, labels: Tensor, order: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for chosen in order.split(size):  # type: ignore[no-untyped-call]
        yield images[chosen], labels[chosen]


def measure(case: Case, rounds: int, steps: int) -> dict[str, Any]:
    running = prepare(Identity("step"), config_of(case, steps)).procedure.start_state()
    model = running.engine.model
    loops = {"bare": bare(running, copy.deepcopy(model), False), "best": bare(running, copy.deepcopy(model), True)}
    loops["ours"] = ours(running)
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for name in loops:
        loops[name](0)
    for number in range(rounds):
        # Another one goes first each time.
        names = [*loops][number % len(loops) :] + [*loops][: number % len(loops)]
        for name in names:
            began = time.process_time()
            loops[name](number)
            seconds[name].append(time.process_time() - began)
    found = {f"{name}_milliseconds": 1000 * median(times) / steps for name, times in seconds.items()}
    speeds = {
        f"of_{name}": median(other / own for other, own in zip(seconds[name], seconds["ours"], strict=True))
        for name in ("bare", "best")
    }
    return {"case": f"{case.arch} at {case.image_size} px, batches of {case.batch_size}", **found, **speeds}


def lines(found: dict[str, Any]) -> list[str]:
    return [
        f"{one['case']}: {one['ours_milliseconds']:.1f} ms a step, bare {one['bare_milliseconds']:.1f}, "
        f"best {one['best_milliseconds']:.1f}; {one['of_bare']:.2f} times as fast as bare, "
        f"{one['of_best']:.2f} times as the best"
        for one in found["cases"]
    ]


def main() -> None:
    """Print a line for each network."""
    parser = options_of(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=8, help="steps of each loop in a round")
    options = parser.parse_args()
    machine = machine_text()
    cases = [measure(case, options.rounds, options.steps) for case in CASES]
    show(options, {"machine": machine, "cases": cases}, lines)


if __name__ == "__main__":
    main()
