"""What a training step costs beside a bare PyTorch loop over the same batches, beside the best such loop, and beside what the
machine could do at most.

Run: python -m benchmarks.step [--rounds 15] [--steps 8] [--json]
A minute or two on one core, for a vision transformer and a convolutional network. Ours is a trial's own in state 0: batches are
taken and normalised, the loss is checked, gradients are clipped, learning rates set, multiply-accumulates counted. A bare loop
does the same arithmetic on images normalised beforehand; `bare` has its optimiser as PyTorch makes it, `best` fused. Times are
of the processor, a few steps of each in turns; a ratio is the median over the rounds, of how fast ours is beside the other.

The floor is the step's multiply-accumulates, three forward passes' worth, at the highest rate that one core was seen to reach,
in a large matrix product or a large convolution, and the optimiser's reading and writing at the memory's bandwidth. Between
floor and step stand the linear and convolutional layers alone, at their own sizes: a step's time above them is for everything
else, theirs above the floor for how well PyTorch's libraries do products of such sizes on this machine.
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
from benchmarks.support.ceilings import bandwidth, convolution_rate, peak_rate
from benchmarks.support.layers_alone import layers_alone, steps_of
from benchmarks.support.machine import machine_text, options_of, show
from benchmarks.support.projection import Ceilings, Size, least_step
from models.cost import count_macs, count_parameters
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


def measure(case: Case, rounds: int, steps: int, ceilings: Ceilings) -> dict[str, Any]:
    running = prepare(Identity("step"), config_of(case, steps)).procedure.start_state()
    model = running.engine.model
    loops = {"bare": bare(running, copy.deepcopy(model), False), "best": bare(running, copy.deepcopy(model), True)}
    loops["ours"] = ours(running)
    loops["layers"] = steps_of(layers_alone(model, batch_of(running)), steps)
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
    name = f"{case.arch} at {case.image_size} px, batches of {case.batch_size}"
    return {"case": name, **found, **speeds, **floor_of(running, model, ceilings, found["ours_milliseconds"])}


def batch_of(running: RunningState) -> Tensor:
    """The images of one training batch."""
    train = running.engine.config
    return next(iter(running.subject.data.calibration_batches(train.batch_size, images=train.batch_size)))[0]


def floor_of(running: RunningState, model: nn.Module, ceilings: Ceilings, milliseconds: float) -> dict[str, float]:
    """Milliseconds of the least step and of its optimiser's part, and at what share of the highest rate a step computes."""
    train, (images, *shape) = running.engine.config, batch_of(running).shape
    size = Size(count_macs(model, (shape[0], shape[1], shape[2])), count_parameters(model))
    arithmetic = 1000 * least_step(Size(size.macs, 0), images, train.optimizer, ceilings)
    return {
        "floor_milliseconds": 1000 * least_step(size, images, train.optimizer, ceilings),
        "optimiser_floor_milliseconds": 1000 * least_step(Size(0, size.params), images, train.optimizer, ceilings),
        "of_rate": arithmetic / milliseconds,
    }


def lines(found: dict[str, Any]) -> list[str]:
    rates = (
        f"large products {found['product_rate'] / 1e9:.0f} GFLOP/s, convolutions {found['convolution_rate'] / 1e9:.0f}; "
        f"memory {found['bandwidth'] / 1e9:.0f} GB/s"
    )
    return [rates, *(line for one in found["cases"] for line in _lines_of(one))]


def _lines_of(one: dict[str, Any]) -> list[str]:
    return [
        f"{one['case']}: {one['ours_milliseconds']:.1f} ms a step, bare {one['bare_milliseconds']:.1f}, "
        f"best {one['best_milliseconds']:.1f}; {one['of_bare']:.2f} times as fast as bare, "
        f"{one['of_best']:.2f} times as the best",
        f"  floor {one['floor_milliseconds']:.2f} ms, of it the optimiser's memory {one['optimiser_floor_milliseconds']:.2f}; "
        f"layers alone {one['layers_milliseconds']:.1f}; {100 * one['of_rate']:.0f} % of the highest rate",
    ]


def main() -> None:
    """Print a line for each network."""
    parser = options_of(__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=8, help="steps of each loop in a round")
    options = parser.parse_args()
    machine, processor = machine_text(), torch.device("cpu")
    torch.set_num_threads(1)  # as a trial does
    rates = {
        "product_rate": peak_rate("float32", processor),
        "convolution_rate": convolution_rate("float32", processor),
    }
    ceilings = Ceilings(max(rates.values()), bandwidth(processor))
    cases = [measure(case, options.rounds, options.steps, ceilings) for case in CASES]
    show(options, {"machine": machine, **rates, "bandwidth": ceilings.bandwidth, "cases": cases}, lines)


if __name__ == "__main__":
    main()
