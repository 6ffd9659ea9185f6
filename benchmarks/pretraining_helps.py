"""State 0 on digits from the repository's pretrained vit_micro, and from random weights: test accuracy epoch by epoch.

Run: python -m benchmarks.pretraining_helps [--epochs 8] [--seeds 0 1] [--lr 0.001] [--file PATH]
Takes about 20 s on one core. The recipe, the order of batches and the new head are the same for both.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from models.networks.registry import build, resolve_spec
from models.weights.initial_weights import InitRequest, initial_weights
from trainables.config.train import TrainConfig
from trainables.config.trial import DataConfig
from trainables.data import load_data
from trainables.seeds import derive, seed_everything
from trainables.training.epoch import evaluate, train_epoch
from trainables.training.learning_rate import learning_rates
from trainables.training.optimizers import build_optimizer
from trainables.training.precision import loss_scaler
from trainables.training.step import Engine

CPU = torch.device("cpu")


def curve(request: InitRequest, seed: int, epochs: int, lr: float) -> list[float]:
    """Test accuracy after each epoch of a cosine schedule over all of them."""
    data = load_data(DataConfig(name="digits"), CPU)
    spec = resolve_spec("vit_micro", data.info.num_classes, data.info.image_size, data.info.in_chans)
    weights = initial_weights(spec, request, seed=derive(seed, "initial weights"))
    if weights.provenance.mean and weights.provenance.std:
        data = data.normalised(weights.provenance.mean, weights.provenance.std)
    model = build(spec)
    model.load_state_dict(weights.state, strict=True)
    recipe = TrainConfig(lr=lr)
    engine = Engine(model, build_optimizer(model, recipe), loss_scaler("float32", CPU), recipe, "float32", CPU)
    steps = data.steps_per_epoch(recipe.batch_size)
    rates = learning_rates(recipe.schedule, lr, epochs * steps)
    accuracies = []
    for epoch in range(epochs):
        seed_everything(derive(seed, "epoch", epoch))
        train_epoch(engine, data.train_batches(recipe.batch_size, derive(seed, "epoch", epoch)), rates, epoch * steps)
        accuracies.append(evaluate(model, data.eval_batches("test", 256), "float32", CPU).accuracy)
    return accuracies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--file", type=Path, help="a weights file, in place of the repository's own")
    options = parser.parse_args()
    torch.set_num_threads(1)
    pretrained = InitRequest("path", path=str(options.file)) if options.file else InitRequest("pretrained")
    print("weights     seed  " + "  ".join(f"ep {epoch + 1:>2}" for epoch in range(options.epochs)))
    for name, request in (("pretrained", pretrained), ("random", InitRequest("random"))):
        for seed in options.seeds:
            row = curve(request, seed, options.epochs, options.lr)
            print(f"{name:<10}  {seed:>4}  " + "  ".join(f"{value:.3f}" for value in row), flush=True)


if __name__ == "__main__":
    main()
