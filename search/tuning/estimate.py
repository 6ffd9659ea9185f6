"""What a study would run and cost, with nothing started: trials, epochs, MACs, disk, and time from a measured step."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch

from search.commands.common import Outcome
from search.run.plan import plan_of
from search.study.study import Study
from search.tuning.cluster.resources import share_of, this_machine
from trainables.config.trial import TrialConfig
from trainables.files.record import Identity
from trainables.prepare import prepare
from trainables.states.procedure import Procedure

SAMPLES = 8
"""Configurations drawn from an arm's space to estimate the epochs of one trial."""
STEPS = 3
OPTIMISER_COPIES = 2
CHECKPOINTS = 2


@dataclass(frozen=True)
class ArmCost:
    """One arm's share. MACs and seconds are those of dense networks: pruning makes them less, so they are upper bounds."""

    arm: str
    search_trials: int
    confirm_trials: int
    epochs_per_trial: float
    training_macs: float | None
    seconds: float | None
    disk_bytes: float | None

    @property
    def trials(self) -> int:
        return self.search_trials + self.confirm_trials


def dry_run(study: Study) -> Outcome:
    """UserError and WeightsRefused as a real start would raise them."""
    share = share_of(study.resources, [this_machine()])
    costs = [_arm_cost(study, plan.arm, len(plan.search_ids), len(plan.confirm_ids)) for plan in plan_of(study)]
    seconds = _total([cost.seconds for cost in costs])
    wall = None if seconds is None else seconds / share.concurrent
    json: dict[str, Any] = {
        "study": study.name,
        "trials": sum(cost.trials for cost in costs),
        "epochs": sum(cost.trials * cost.epochs_per_trial for cost in costs),
        "training_macs": _total([cost.training_macs for cost in costs]),
        "disk_bytes": _total([cost.disk_bytes for cost in costs]),
        "concurrent": share.concurrent,
        "gpus_per_trial": share.gpus,
        "seconds": wall,
        "arms": {cost.arm: {**cost.__dict__, "trials": cost.trials} for cost in costs},
    }
    return Outcome(json, _text(study, costs, json))


def _arm_cost(study: Study, arm: str, search_trials: int, confirm_trials: int) -> ArmCost:
    configs = [study.arms[arm].config(study.space.sample(arm, seed)) for seed in range(SAMPLES)]
    epochs = sum(sum(config.epochs_of_states()) for config in configs) / len(configs)
    trials = search_trials + confirm_trials
    if study.arms[arm].traits.from_scratch:
        # Its network is not known before its source arm has been searched.
        return ArmCost(arm, search_trials, confirm_trials, epochs, None, None, None)
    procedure = prepare(Identity("dry-run"), configs[0]).procedure
    images = procedure.data.sizes["train"]
    macs = 3.0 * procedure.network.dense_macs * images * epochs * trials
    seconds = _step_seconds(procedure) * procedure.steps_per_epoch * epochs * trials
    return ArmCost(arm, search_trials, confirm_trials, epochs, macs, seconds, _disk(procedure, configs[0]) * trials)


def _step_seconds(procedure: Procedure) -> float:
    """Seconds of one training step of the dense network: forward and backward, the first one left out."""
    model = procedure.network.model.train()
    images, labels = next(procedure.data.train_batches(procedure.config.train.batch_size, seed=0))
    times: list[float] = []
    for _ in range(1 + STEPS):
        began = time.perf_counter()
        torch.autograd.backward(torch.nn.functional.cross_entropy(model(images), labels))
        if images.is_cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
        model.zero_grad()
    return sum(times[1:]) / STEPS


def _disk(procedure: Procedure, config: TrialConfig) -> float:
    """Bytes of one trial's state files and checkpoints, all counted at the dense size."""
    dense = sum(tensor.numel() * tensor.element_size() for tensor in procedure.network.model.state_dict().values())
    return float(dense * (config.states + 1 + CHECKPOINTS * (1 + OPTIMISER_COPIES)))


def _total(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _text(study: Study, costs: list[ArmCost], json: dict[str, Any]) -> str:
    lines = [
        f"{cost.arm}: {cost.search_trials} search, {cost.confirm_trials} confirm trials of {cost.epochs_per_trial:.3g} epochs"
        for cost in costs
    ]
    lines.append(f"in all {json['trials']} trials, {json['epochs']:.0f} epochs, {json['concurrent']} trials at once")
    if json["seconds"] is not None:
        lines.append(
            f"at most {json['training_macs']:.3g} training MACs, {json['disk_bytes'] / 1e6:.0f} MB of disk and about "
            f"{json['seconds'] / 60:.1f} minutes (a dense step was measured; pruning and early stopping make it less)"
        )
    return "\n".join([f"{study.name}: nothing was started", *lines])
