"""Beside Torch-Pruning: the same network cut to the same multiply-accumulates, then trained for the same epochs; and its
groups as an oracle of ours.

Run: python -m benchmarks.peers [--networks vit_micro resnet18] [--macs 0.5] [--epochs 4] [--seeds 0 1 2] [--json]
Needs torch-pruning (`uv pip install -e .[peers]`). A few minutes on one core. Each network is trained on the digits once for
each seed and then cut, by Torch-Pruning as its users do (every layer that can be, by one ratio, which is sought so that
the target is met; magnitude of groups), and by this project (heads and neurons, or inner channels, by magnitude, with and
without repair; of a ViT also with the width of its residual stream, which Torch-Pruning cuts too). Accuracy is of the test
split, right after the cut and after training; seconds are of the processor.

The oracle: for every group of units one unit is taken out by both, and the two networks must be equal, weight for weight.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import torch
from torch import nn

from benchmarks.support.machine import machine_text, options_of, show
from benchmarks.support.torch_pruning import cut_by_torch_pruning, without_unit
from models.cost import count_macs, count_parameters
from models.units.base import dense_structure
from models.units.compaction import remove
from models.units.describe import describe
from search.console import table_text
from search.evidence.formats import percent
from trainables.config.trial import TrialConfig
from trainables.files.record import Identity
from trainables.prepare import prepare
from trainables.states.procedure import Procedure
from trainables.states.pruning_event import Event, choose_drop
from trainables.training.epoch import evaluate_as_exported, train_epoch
from trainables.training.learning_rate import learning_rates
from trainables.training.optimizers import build_optimizer
from trainables.training.precision import loss_scaler
from trainables.training.step import Engine

NETWORKS: dict[str, dict[str, Any]] = {
    "vit_micro": {
        "model": {"arch": "vit_micro", "init": {"source": "pretrained"}},
        "with_width": {"target": ["head", "neuron", "embed"]},
    },
    "resnet18": {
        "model": {"arch": "timm:resnet18", "init": {"source": "random"}},
        "data": {"image_size": 32},
        "prune": {"target": "channel"},
    },
}
PEER, WIDTH, REPAIRED = "torch-pruning", "with width", "repaired"
TOOLS = (PEER, "prunetune", f"prunetune, {REPAIRED}", f"prunetune, {WIDTH}", f"prunetune, {WIDTH}, {REPAIRED}")
"""`with width` cuts the residual stream too, as Torch-Pruning does; for networks where this project can."""
EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Outcome:
    """One tool on one seed. Accuracies of the test split in [0, 1], `params` and `macs` as shares of the dense network's."""

    macs: float
    params: float
    after_cut: float
    trained: float
    cut_seconds: float
    train_seconds: float


def procedure_of(network: dict[str, Any], options: argparse.Namespace, seed: int, tool: str = PEER) -> Procedure:
    """A Refill trial of one event, which meets the target; state 0 trains the dense network."""
    of_tool = network["with_width"] if WIDTH in tool else {}
    prune = {"schedule": {"kind": "one_shot", "states": 1, "macs_target": options.macs}, "scope": "layerwise"}
    content = {
        "model": network["model"],
        "data": {"name": "digits", **network.get("data", {})},
        "train": {"epochs_per_state": options.epochs, "state0": {"epochs": options.dense_epochs}, "device": "cpu"},
        "prune": {**prune, **network.get("prune", {}), **of_tool},
        "seed": seed,
    }
    return prepare(Identity("peers"), TrialConfig.model_validate(content)).procedure


def cut_by_us(procedure: Procedure, *, repaired: bool) -> None:
    """The trial's own event, without the evaluations around it."""
    prune, network, data = procedure.config.prune, procedure.network, procedure.data
    count, at_a_time = prune.calibration(procedure.config.train.batch_size)
    event = Event(
        prune, procedure.method, 1, procedure.config.seed, lambda: data.calibration_batches(at_a_time, images=count)
    )
    drop = choose_drop(network, event)
    was = network.as_it_is() if repaired else None
    network.remove(drop)
    if was is not None:
        network.repair(was, torch.cat([images for images, _ in event.batches()]), "least_squares")


def train(model: nn.Module, procedure: Procedure, epochs: int) -> None:
    """One state of the trial's recipe, of whichever network."""
    config, data = procedure.config.train_of_state(1), procedure.data
    steps = data.steps_per_epoch(config.batch_size)
    rates = learning_rates(config.schedule, config.lr, epochs * steps)
    cpu = torch.device("cpu")
    engine = Engine(model, build_optimizer(model, config), loss_scaler("float32", cpu), config, "float32", cpu)
    for epoch in range(epochs):
        train_epoch(engine, data.train_batches(config.batch_size, seed=epoch), rates, epoch * steps)


def test_accuracy(model: nn.Module, procedure: Procedure) -> float:
    return evaluate_as_exported(
        model, procedure.data.eval_batches("test", EVALUATION_BATCH), torch.device("cpu")
    ).accuracy


def outcome_of(procedure: Procedure, cut: Callable[[], nn.Module], options: argparse.Namespace) -> Outcome:
    spec, dense = procedure.network.spec, procedure.network.model
    params, macs = count_parameters(dense), count_macs(dense, spec.input_shape)
    began = time.process_time()
    model = cut()
    after = time.process_time()
    after_cut, began_training = test_accuracy(model, procedure), time.process_time()
    train(model, procedure, options.epochs)
    trained = time.process_time()
    return Outcome(
        macs=count_macs(model, spec.input_shape) / macs,
        params=count_parameters(model) / params,
        after_cut=after_cut,
        trained=test_accuracy(model, procedure),
        cut_seconds=after - began,
        train_seconds=trained - began_training,
    )


def outcomes(network: dict[str, Any], options: argparse.Namespace) -> tuple[list[float], dict[str, list[Outcome]]]:
    """The dense network's test accuracy by seed, and each tool's outcomes."""
    dense: list[float] = []
    tools = [tool for tool in TOOLS if WIDTH not in tool or "with_width" in network]
    found: dict[str, list[Outcome]] = {tool: [] for tool in tools}
    for seed in options.seeds:
        first = procedure_of(network, options, seed)
        running = first.start_state()
        while not first.state_ended:
            running.epoch()
        start = first.checkpoint()
        dense.append(test_accuracy(first.network.model, first))
        for tool in tools:
            procedure = procedure_of(network, options, seed, tool)
            procedure.restore(start, None)
            found[tool].append(outcome_of(procedure, _cut(tool, procedure, options), options))
    return dense, found


def _cut(tool: str, procedure: Procedure, options: argparse.Namespace) -> Callable[[], nn.Module]:
    network = procedure.network
    if tool == PEER:
        return lambda: cut_by_torch_pruning(network.model, network.spec.input_shape, options.macs)

    def ours() -> nn.Module:
        cut_by_us(procedure, repaired=REPAIRED in tool)
        return network.model

    return ours


def oracle(procedure: Procedure) -> tuple[int, list[str]]:
    """How many groups were compared, and those whose network without one unit is another one by Torch-Pruning."""
    model, shape = procedure.network.model.eval(), procedure.network.spec.input_shape
    groups, differing = describe(model, ("embed",)), []
    structure = dense_structure(groups)
    for group in groups:
        ours = copy.deepcopy(model)
        remove(ours, structure, {group.name: (1,)})
        theirs = without_unit(model, group, 1, shape).state_dict()
        own = ours.state_dict()
        if own.keys() != theirs.keys() or not all(torch.equal(value, theirs[name]) for name, value in own.items()):
            differing.append(group.name)
    return len(groups), differing


def measure(options: argparse.Namespace) -> dict[str, Any]:
    networks: dict[str, Any] = {}
    for name in options.networks:
        compared, differing = oracle(procedure_of(NETWORKS[name], options, 0))
        dense, found = outcomes(NETWORKS[name], options)
        networks[name] = {
            "groups_compared": compared,
            "groups_differing": differing,
            "dense": dense,
            "tools": {tool: [asdict(one) for one in results] for tool, results in found.items()},
        }
    return {"machine": machine_text(), "macs_target": options.macs, "epochs": options.epochs, "networks": networks}


def lines(found: dict[str, Any]) -> Iterator[str]:
    for name, network in found["networks"].items():
        equal = network["groups_compared"] - len(network["groups_differing"])
        yield f"\n{name}: {percent(fmean(network['dense']))} test accuracy when dense, {len(network['dense'])} seeds"
        yield f"groups that both tools cut alike, weight for weight: {equal} of {network['groups_compared']}"
        heading = [
            "",
            "MACs",
            "parameters",
            "after the cut",
            f"{found['epochs']} epochs later",
            "cutting, s",
            "training, s",
        ]
        yield table_text(heading, [_row(tool, results) for tool, results in network["tools"].items()])


def _row(tool: str, results: list[dict[str, float]]) -> list[str]:
    def mean(key: str) -> float:
        return fmean(one[key] for one in results)

    accuracies = [percent(mean(key)) for key in ("macs", "params", "after_cut", "trained")]
    return [tool, *accuracies, f"{mean('cut_seconds'):.2f}", f"{mean('train_seconds'):.1f}"]


def main() -> None:
    """Print the tables."""
    parser = options_of(__doc__)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--macs", type=float, default=0.5, help="share of the dense multiply-accumulates to end at")
    parser.add_argument("--epochs", type=int, default=4, help="after the cut")
    parser.add_argument("--dense-epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    torch.set_num_threads(1)
    show(options, measure(options), lambda found: list(lines(found)))


if __name__ == "__main__":
    main()
