"""What a whole trial costs beside the same trial with PyTorch's own pruning, which masks and makes nothing smaller.

Run: python -m benchmarks.trial [--repeats 3] [--states 16] [--epochs 1] [--arch vit_micro] [--json]
A few minutes on one core. Both train the same states of as many epochs on the same images, to the same number of units; ours
cuts them out, and writes its record, checkpoint and TensorBoard files besides. Times are of the processor, the two taken in
turns, and the ratio is the median over the repeats. Nothing is shared between trials here: `benchmarks.study` is about that.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.support.machine import machine_text, options_of, show
from benchmarks.support.masked_trial import masked_trial
from trainables.config.trial import TrialConfig
from trainables.files.record import Identity
from trainables.trial import Trial


def config_of(options: argparse.Namespace) -> TrialConfig:
    """Refill on the digits, to seven tenths of heads and neurons removed."""
    schedule = {"kind": "geometric", "states": options.states, "head_ratio": 0.7, "neuron_ratio": 0.7}
    return TrialConfig.model_validate(
        {
            "model": {"arch": options.arch, "init": {"source": "random"}},
            "data": {"name": "digits", "train_limit": options.images},
            "train": {"epochs_per_state": options.epochs, "device": "cpu"},
            "prune": {"method": "refill", "scope": "layerwise", "schedule": schedule},
        }
    )


def ours(config: TrialConfig) -> float:
    """Processor seconds of the trial as prunetune runs it."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        trial = Trial.open(Path(folder) / "trial", Identity("trial"), config)
        while not trial.done:
            trial.step()
        return time.process_time() - began


def masked(config: TrialConfig) -> float:
    """Processor seconds of the same by masks."""
    began = time.process_time()
    masked_trial(config, lambda accuracy: None)
    return time.process_time() - began


def measure(options: argparse.Namespace) -> dict[str, Any]:
    config = config_of(options)
    pairs = [(ours(config), masked(config)) for _ in range(options.repeats)]
    return {
        "machine": machine_text(),
        "trial": f"{options.arch}, {options.states + 1} states of {options.epochs} epochs, 70 % of units removed",
        "seconds": median(one for one, _ in pairs),
        "masked_seconds": median(other for _, other in pairs),
        "ratio": median(one / other for one, other in pairs),
    }


def lines(found: dict[str, Any]) -> list[str]:
    return [
        f"{found['trial']}: {found['seconds']:.1f} s of processor, masked {found['masked_seconds']:.1f} s",
        f"ratio ours / masked: {found['ratio']:.2f}",
    ]


def main() -> None:
    """Print the ratio."""
    parser = options_of(__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--states", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--images", type=int, default=1000, help="training images")
    parser.add_argument("--arch", default="vit_micro")
    options = parser.parse_args()
    show(options, measure(options), lines)


if __name__ == "__main__":
    main()
