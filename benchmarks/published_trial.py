"""What the published trial would take here: ViT-S on 45,000 images of 32 px in patches of 4, 16 states of 60 epochs each.

Run: python -m benchmarks.published_trial [--steps 30] [--rounds 5] [--states 5 10] [--json]
On a CPU: OMP_NUM_THREADS=1 python -m benchmarks.published_trial --batch-size 8 --steps 1 --rounds 7 --states 8
It took 50 hours on an A800 as published, where every state trained the dense network under masks; under 15 minutes on such a
GPU is what is aimed for. Here 15 events remove 70 % of heads and of neurons, geometrically, by magnitude, and SGD trains what
is left in batches of 128. The trial's own code is run on random images, for a few epochs of `--steps` steps at the networks of
some of its states: eagerly and, on a GPU, with steps that are recorded and replayed, in turns. A time is the median over the
rounds, with what comes first left out. Hours are projected from these; files are not counted. The floor is counted arithmetic
at the machine's measured rate, and the optimiser's traffic at its measured bandwidth. On a CPU times are of the processor, by
one thread.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, cast

import numpy as np
import torch

from benchmarks.support.ceilings import Precision, bandwidth, clock_of, peak_rate
from benchmarks.support.machine import machine_text, options_of, show
from benchmarks.support.projection import Ceilings, Seconds, Size, Whole, least_hours, least_step, projected_hours
from trainables.config.trial import DataConfig, TrialConfig
from trainables.data import Data
from trainables.data.base import DataInfo, Images
from trainables.data.in_memory import load_in_memory
from trainables.files.record import Identity
from trainables.prepare import Loader, prepare
from trainables.states.position import Position
from trainables.states.procedure import Procedure
from trainables.states.running_state import RunningState
from trainables.training.epoch import train_epoch
from trainables.training.precision import resolve_device
from trainables.training.step_graph import TIMED_REPLAYS, WARM_UP

EVENTS, EPOCHS, TRAIN, VAL, TEST = 15, 60, 45_000, 5_000, 10_000
CLASSES = 10
EVALUATED_BATCHES = 2
PUBLISHED_HOURS = 50.0


@dataclass(frozen=True)
class Case:
    """What is run. `steps` is the length of a measured epoch."""

    arch: str
    image_size: int
    patch_size: int
    batch_size: int
    steps: int
    device: str
    precision: str
    optimizer: str = "sgd"

    def config(self, graph: str) -> TrialConfig:
        """With this `train.graph`."""
        train, val = self.steps * self.batch_size, EVALUATED_BATCHES * self.batch_size
        return TrialConfig.model_validate(
            {
                "model": {"arch": self.arch, "patch_size": self.patch_size, "init": {"source": "random"}},
                "data": {
                    "name": "cifar10",
                    "image_size": self.image_size,
                    "val_fraction": val / (train + val),
                    "augment": {"crop_padding": 4, "flip": True},
                },
                "train": {
                    "optimizer": self.optimizer,
                    "lr": 0.01,
                    "weight_decay": 1e-4,
                    "batch_size": self.batch_size,
                    "epochs_per_state": EPOCHS,
                    "device": self.device,
                    "precision": self.precision,
                    "graph": graph,
                },
                "prune": {
                    "method": "refill",
                    "schedule": {"kind": "geometric", "states": EVENTS, "head_ratio": 0.7, "neuron_ratio": 0.7},
                },
            }
        )


class RandomImages(Loader):
    """As many as are looked at, of the shape of the set's."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self._case = case

    def data(self, config: DataConfig, device: torch.device) -> Data:
        size, batch = self._case.image_size, self._case.batch_size
        count, held = (self._case.steps + EVALUATED_BATCHES) * batch, EVALUATED_BATCHES * batch
        chance = np.random.default_rng(0)
        images, test = (
            torch.from_numpy(chance.integers(0, 256, (many, 3, size, size), dtype=np.uint8)) for many in (count, held)
        )
        labels, test_labels = (np.arange(many, dtype=np.int64) % CLASSES for many in (count, held))
        info = DataInfo("random images", CLASSES, 3, size)
        return load_in_memory(config, info, Images(images, labels, test, test_labels), device)


def measure(case: Case, states: list[int], rounds: int) -> dict[str, Any]:
    """Seconds at the networks of these states, the first and the last, and the whole trial's hours."""
    device = resolve_device(case.device)
    modes = ("never", "always") if device.type == "cuda" else ("never",)
    procedures = {
        mode: prepare(Identity(mode), case.config(mode), loader=RandomImages(case)).procedure for mode in modes
    }
    precision = cast(Precision, procedures["never"].precision)
    ceilings = Ceilings(peak_rate(precision, device), bandwidth(device))
    clock = clock_of(device)
    sizes: list[Size] = []
    found: dict[str, list[tuple[Size, Seconds]]] = {mode: [] for mode in modes}
    rows: list[dict[str, Any]] = []
    for state in range(EVENTS + 1):
        running = {mode: begun(procedure, state) for mode, procedure in procedures.items()}
        network = procedures["never"].network
        sizes.append(Size(network.macs(), network.cost().params))
        if state not in (0, *states, EVENTS):
            continue
        seconds = in_turns({mode: epochs_of(one) for mode, one in running.items()}, case.steps, rounds, clock)
        within, ended = evaluated(procedures["never"], clock)
        for mode in modes:
            found[mode].append((sizes[-1], Seconds(seconds[mode], within, ended)))
        floor = least_step(sizes[-1], case.batch_size, case.optimizer, ceilings)
        rows.append({"state": state, **asdict(sizes[-1]), "seconds_of_step": seconds, "floor_of_step": floor})
    whole = Whole(EPOCHS, math.ceil(TRAIN / case.batch_size), VAL, TEST)
    return {
        "case": asdict(case),
        "device": device_text(device),
        "precision": precision,
        "ceilings": asdict(ceilings),
        "states": rows,
        "hours": {mode: projected_hours(whole, sizes, found[mode]) for mode in modes},
        "floor_hours": least_hours(whole, sizes, case.batch_size, case.optimizer, ceilings),
        "published_hours": PUBLISHED_HOURS,
    }


def begun(procedure: Procedure, state: int) -> RunningState:
    """A state after its event, which the weights as they stand decide."""
    procedure.position = Position(state=state)
    return procedure.start_state()


def epochs_of(running: RunningState) -> Callable[[int], None]:
    """An epoch of the state, of this number, without what follows it."""
    engine, steps = running.engine, running.steps_per_epoch

    def run(number: int) -> None:
        batches = running.subject.data.train_batches(engine.config.batch_size, number, running.augment)
        train_epoch(engine, batches, running.rates, number * steps, running)

    return run


def in_turns(
    loops: dict[str, Callable[[int], None]], steps: int, rounds: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Median seconds of a step of each, once nothing is new: what is recorded has been by then."""
    first = math.ceil((WARM_UP + 1 + TIMED_REPLAYS) / steps) if len(loops) > 1 else 1
    for run in loops.values():
        for number in range(first):
            run(number)
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(first, first + rounds):
        for name in [*loops][number % len(loops) :] + [*loops][: number % len(loops)]:
            began = clock()
            loops[name](number % EPOCHS)
            seconds[name].append((clock() - began) / steps)
    return {name: median(times) for name, times in seconds.items()}


def evaluated(procedure: Procedure, clock: Callable[[], float]) -> tuple[float, float]:
    """Seconds of an image in the trial's number format, and in float32."""
    times = []
    for evaluate in (procedure.evaluate, procedure.evaluate_as_exported):
        evaluate("val")
        began = clock()
        evaluate("val")
        times.append((clock() - began) / procedure.data.sizes["val"])
    return times[0], times[1]


def device_text(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU, one thread"


def lines(found: dict[str, Any]) -> list[str]:
    case, ceilings, hours = found["case"], found["ceilings"], found["hours"]
    graphed = "always" in hours
    table = [
        f"on {found['device']} in {found['precision']}: {ceilings['rate'] / 1e12:.3g} TFLOP/s and "
        f"{ceilings['bandwidth'] / 1e9:.4g} GB/s at most",
        f"{case['arch']} at {case['image_size']} px, batches of {case['batch_size']}, {case['optimizer']}; ms a step:",
        f"{'state':>5}{'GMACs':>9}{'M params':>10}{'eager':>10}{'replayed' if graphed else '':>10}{'floor':>10}",
    ]
    for row in found["states"]:
        times = row["seconds_of_step"]
        replayed = f"{1000 * times['always']:10.2f}" if graphed else " " * 10
        table.append(
            f"{row['state']:5}{row['macs'] / 1e9:9.3f}{row['params'] / 1e6:10.2f}{1000 * times['never']:10.2f}{replayed}"
            f"{1000 * row['floor_of_step']:10.3f}"
        )
    told = [f"{hours['never']:.3g} h eagerly", *([f"{hours['always']:.3g} h replayed"] if graphed else [])]
    told += [f"floor {found['floor_hours']:.3g} h", f"published {found['published_hours']:g} h on an A800"]
    table.append(f"the whole trial, projected: {', '.join(told)}")
    return table


def parser() -> argparse.ArgumentParser:
    made = options_of(__doc__)
    made.add_argument("--steps", type=int, default=30, help="steps of a measured epoch")
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument(
        "--states", type=int, nargs="*", default=[5, 10], choices=range(1, EVENTS), help="beside the first and the last"
    )
    made.add_argument("--batch-size", type=int, default=128)
    made.add_argument("--device", default="auto")
    made.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"])
    return made


def main() -> None:
    """Print a line for each network, and the projected hours."""
    options = parser().parse_args()
    machine = machine_text()
    case = Case("vit_small", 32, 4, options.batch_size, options.steps, options.device, options.precision)
    show(options, {"machine": machine, **measure(case, options.states, options.rounds)}, lines)


if __name__ == "__main__":
    main()
