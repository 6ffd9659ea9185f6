"""Which ranking under `scope: global` keeps a network alive: each `prune.normalize` from the same trained state 0.

Run: python -m benchmarks.ranking [--networks vit_micro resnet18 twistnet18] [--criterion magnitude] [--macs 0.4]
Takes about four minutes on two cores. Each network is trained on scikit-learn's digits once for each seed; then, for each
ranking, units are removed in `--events` events with two epochs after each. By default all rankings keep equally many units;
with `--macs` all end at that share of the dense multiply-accumulates, which removes what a ranking saves by its widths.
`--dinov2 FILE` takes timm's vit_small_patch14_dinov2 with the weights in that file.

`--criteria` compares all criteria instead, each with `prune.normalize: auto`: validation accuracy right after one event,
without any training, with `prune.compensate` at `none` and at `least_squares`, for each share of `--ratios`.

The last two columns are the validation accuracy lost since state 0, right after the last removal and after training, over what
the old default `none` lost in this same run: below 1 is better than it, below 0 gained where it lost.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from pruning.catalogue import CRITERIA
from pruning.normalize import NORMALIZERS
from search.console import table_text
from search.evidence.formats import percent
from trainables.config.prune import RATIO_KEYS
from trainables.config.trial import TrialConfig
from trainables.files.record import Identity
from trainables.prepare import prepare
from trainables.states.position import Snapshot
from trainables.states.procedure import Procedure

CONVOLUTIONS = {"train": {"lr": 1e-3, "epochs_state0": 3}, "data": {"image_size": 32}, "prune": {"target": "channel"}}
NETWORKS: dict[str, dict[str, Any]] = {
    "vit_micro": {"model": {"arch": "vit_micro", "init": {"source": "pretrained"}}, "train": {"lr": 1e-3}},
    "resnet18": {"model": {"arch": "timm:resnet18", "init": {"source": "random"}}, **CONVOLUTIONS},
    "twistnet18": {"model": {"arch": "twistnet18", "init": {"source": "random"}}, **CONVOLUTIONS},
}
DINOV2 = {
    "model": {"arch": "timm:vit_small_patch14_dinov2", "patch_size": 8},
    "data": {"image_size": 32},
    "train": {"lr": 1e-4, "epochs_state0": 3},
}
RANKINGS = (*NORMALIZERS, "layerwise")
COMPENSATIONS = ("none", "least_squares")
OLD_DEFAULT = "none"


@dataclass(frozen=True)
class Outcome:
    """One ranking of one seed. Accuracies are of validation, in [0, 1]; `removed` right after the last removal."""

    dense: float
    removed: float
    trained: float
    params: float
    macs: float
    widths: dict[str, tuple[int, int]]
    magnitude_ratio: float


@dataclass(frozen=True)
class Removal:
    """How units are chosen and repaired: `ranking` is one of RANKINGS or `auto`, `ratio` the share of every kind that goes."""

    ranking: str
    criterion: str
    ratio: float
    compensate: str = "none"


def config_of(network: dict[str, Any], removal: Removal, options: argparse.Namespace, seed: int) -> TrialConfig:
    """A Refill trial with this removal: `layerwise` is the scope of that name, the others are ways to normalise."""
    layerwise = removal.ranking == "layerwise"
    ratios = dict.fromkeys(RATIO_KEYS.values(), removal.ratio)
    prune = {
        **network.get("prune", {}),
        "criterion": removal.criterion,
        "compensate": removal.compensate,
        "score": options.score,
        "scope": "layerwise" if layerwise else "global",
        "normalize": OLD_DEFAULT if layerwise else removal.ranking,
        "schedule": {"states": options.events, **ratios, "macs_target": options.macs},
    }
    data = {"name": "digits", **network.get("data", {})}
    train = {"epochs_per_state": options.epochs, "epochs_state0": 4, "device": "cpu", **network["train"]}
    if options.epochs_state0 is not None:
        train["epochs_state0"] = options.epochs_state0
    return TrialConfig.model_validate(
        {"model": network["model"], "data": data, "train": train, "prune": prune, "seed": seed}
    )


def procedure_of(network: dict[str, Any], removal: Removal, options: argparse.Namespace, seed: int) -> Procedure:
    return prepare(Identity("ranking"), config_of(network, removal, options, seed)).procedure


def train_state(procedure: Procedure) -> tuple[float, dict[str, float]]:
    """One state to its end: its validation accuracy, and what was measured around its removal."""
    running, accuracy = procedure.start_state(), 0.0
    while not procedure.state_ended:
        accuracy = running.epoch()["val_accuracy"]
    removal = procedure.position.removal or {}
    procedure.end_state()
    return accuracy, removal


def outcome_of(procedure: Procedure, start: Snapshot, dense: float) -> Outcome:
    """All pruning events from the end of state 0 on."""
    procedure.restore(start, None)
    params = procedure.network.cost().params
    while not procedure.finished:
        trained, removal = train_state(procedure)
    network = procedure.network
    widths = {name: (len(group.kept), group.total) for name, group in network.structure.groups.items()}
    cost = network.cost()
    return Outcome(
        dense=dense,
        removed=removal["val_accuracy_after"],
        trained=trained,
        params=cost.params / params,
        macs=cost.macs / network.dense_macs,
        widths=widths,
        magnitude_ratio=removal.get("magnitude_ratio", float("nan")),
    )


def outcomes(network: dict[str, Any], options: argparse.Namespace) -> dict[str, list[Outcome]]:
    """By ranking, one for each seed."""
    found: dict[str, list[Outcome]] = {ranking: [] for ranking in options.rankings}
    for seed in options.seeds:
        dense, start = trained(network, options, seed)
        for ranking in options.rankings:
            removal = Removal(ranking, options.criterion, options.ratio)
            found[ranking].append(outcome_of(procedure_of(network, removal, options, seed), start, dense))
    return found


def trained(network: dict[str, Any], options: argparse.Namespace, seed: int) -> tuple[float, Snapshot]:
    """State 0's end, which no removal has a part in, and its validation accuracy."""
    procedure = procedure_of(network, Removal(OLD_DEFAULT, options.criterion, options.ratio), options, seed)
    dense, _ = train_state(procedure)
    return dense, procedure.checkpoint()


def rows_of(found: dict[str, list[Outcome]]) -> Iterator[list[str]]:
    """A row for each ranking: means over seeds."""
    old = found[OLD_DEFAULT]
    for ranking, results in found.items():
        yield [
            ranking,
            *(percent(fmean(getattr(one, name) for one in results)) for name in ("params", "macs")),
            f"{min(kept / total for one in results for kept, total in one.widths.values() if kept < total) * 100:.1f}",
            f"{fmean(one.magnitude_ratio for one in results):.2f}",
            *(percent(fmean(getattr(one, name) for one in results)) for name in ("dense", "removed", "trained")),
            *(over(lost(results, name), lost(old, name)) for name in ("removed", "trained")),
        ]


def lost(results: Sequence[Outcome], when: str) -> float:
    return fmean(one.dense - getattr(one, when) for one in results)


def over(ours: float, old: float) -> str:
    return f"{ours / old:.2f}" if old > 0 else "–"


def print_network(name: str, found: dict[str, list[Outcome]], options: argparse.Namespace) -> None:
    dense = percent(fmean(one.dense for one in found[OLD_DEFAULT]))
    print(f"\n{name}: {dense} validation at state 0, criterion {options.criterion}, seeds {options.seeds}")
    print("widths kept by the first seed, layer by layer")
    for ranking, results in found.items():
        widths = " ".join(f"{kept}/{total}" for kept, total in results[0].widths.values())
        print(f"  {ranking:<9}  {widths}")
    head = ["ranking", "params", "MACs", "least kept %", "kept/dropped |w|", "state 0", "removed", "trained"]
    print(table_text([*head, "lost/none: removed", "trained"], list(rows_of(found))), flush=True)


def after_removal(procedure: Procedure, start: Snapshot) -> float:
    """Validation accuracy right after the first event, and its repair where there is one."""
    procedure.restore(start, None)
    procedure.start_state()
    noted = procedure.position.removal or {}
    return noted.get("val_accuracy_repaired", noted["val_accuracy_after"])


def print_criteria(name: str, network: dict[str, Any], options: argparse.Namespace) -> None:
    """A row for each criterion: means over seeds of validation accuracy right after removal."""
    starts = {seed: trained(network, options, seed) for seed in options.seeds}
    dense = percent(fmean(accuracy for accuracy, _ in starts.values()))
    print(f"\n{name}: {dense} validation at state 0, right after one event, seeds {options.seeds}")
    columns = [(ratio, how) for ratio in options.ratios for how in COMPENSATIONS]
    rows = []
    for criterion in CRITERIA:
        removals = [Removal("auto", criterion, ratio, how) for ratio, how in columns]
        cells = [
            fmean(
                after_removal(procedure_of(network, one, options, seed), start) for seed, (_, start) in starts.items()
            )
            for one in removals
        ]
        rows.append([criterion, *map(percent, cells)])
    print(table_text(["criterion", *(f"{100 * ratio:.0f} %, {how}" for ratio, how in columns)], rows), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--rankings", nargs="+", choices=RANKINGS, default=list(RANKINGS))
    parser.add_argument("--criterion", choices=CRITERIA, default="magnitude")
    parser.add_argument("--criteria", action="store_true", help="all criteria, in place of rankings")
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.5, 0.7], help="for --criteria")
    parser.add_argument("--epochs-state0", type=int, help="of state 0; 4, for convolutions 3")
    parser.add_argument("--score", choices=("per_unit", "per_mac"), default="per_unit")
    parser.add_argument("--ratio", type=float, default=0.5, help="share of the units of every kind that is removed")
    parser.add_argument("--events", type=int, default=1, help="pruning events")
    parser.add_argument("--epochs", type=int, default=2, help="after each event")
    parser.add_argument("--macs", type=float, help="end every ranking at this share of the dense multiply-accumulates")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--dinov2", type=Path, help="weights of timm's vit_small_patch14_dinov2")
    options = parser.parse_args()
    torch.set_num_threads(1)
    networks = {name: NETWORKS[name] for name in options.networks}
    if options.dinov2 is not None:
        model = {**DINOV2["model"], "init": {"source": "path", "path": options.dinov2}}
        networks = {"vit_small_patch14_dinov2": {**DINOV2, "model": model}}
    for name, network in networks.items():
        if options.criteria:
            print_criteria(name, network, options)
        else:
            print_network(name, outcomes(network, options), options)


if __name__ == "__main__":
    main()
