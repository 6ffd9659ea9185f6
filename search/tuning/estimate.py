"""What a study would run and cost, with nothing started: trials, epochs, MACs, disk, and time from a measured step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from typing import Any

from torch import nn

from search.run.foretold.dense_start import dense_starts
from search.run.plan import ArmPlan, plan_of
from search.run.preflight import check_request, told_once
from search.study.arm import Arm
from search.study.dense_recipe import DENSE_ARM, dense_study, with_any_recipe
from search.study.study import Study
from search.tuning.cluster.resources import share_of, this_machine
from search.tuning.step_time import StepTimes
from trainables.config.trial import TrialConfig
from trainables.files.record import Identity
from trainables.prepare import Loader, prepare
from trainables.states.procedure import Procedure

SAMPLES = 8
"""Configurations drawn from an arm's space to estimate the epochs of one trial."""
OPTIMISER_COPIES = 2
CHECKPOINTS = 2
BEFORE_ARMS = "search.state0"
"""Stands for an arm where the dense recipe is searched before them; no arm can have that name."""


@dataclass(frozen=True)
class ArmCost:
    """One arm's share. MACs and seconds are those of dense networks: pruning makes them less, so they are upper bounds."""

    arm: str
    search_trials: int
    confirm_trials: int
    epochs_per_trial: float
    training_macs: float | None = None
    seconds: float | None = None
    disk_bytes: float | None = None

    @property
    def trials(self) -> int:
        return self.search_trials + self.confirm_trials


@dataclass(frozen=True)
class Estimate:
    """A study's cost in all. `seconds` are of the clock, with `concurrent` trials at once."""

    study: str
    arms: tuple[ArmCost, ...]
    concurrent: int
    gpus_per_trial: float
    spared_epochs: float = 0.0
    """Of all trials' epochs those of a state 0 that another trial of the same seed trains already; none without sharing."""
    warnings: tuple[str, ...] = ()
    """What the study cannot show whatever it costs, and what is odd about its arms."""

    @property
    def trials(self) -> int:
        return sum(arm.trials for arm in self.arms)

    @property
    def epochs(self) -> float:
        return sum(arm.trials * arm.epochs_per_trial for arm in self.arms)

    @property
    def training_macs(self) -> float | None:
        return _total([arm.training_macs for arm in self.arms])

    @property
    def disk_bytes(self) -> float | None:
        return _total([arm.disk_bytes for arm in self.arms])

    @property
    def seconds(self) -> float | None:
        seconds = _total([arm.seconds for arm in self.arms])
        return None if seconds is None else seconds / self.concurrent

    def to_json(self) -> dict[str, Any]:
        names = (
            "study",
            "trials",
            "epochs",
            "training_macs",
            "disk_bytes",
            "concurrent",
            "gpus_per_trial",
            "spared_epochs",
            "seconds",
            "warnings",
        )
        arms = {arm.arm: {**asdict(arm), "trials": arm.trials} for arm in self.arms}
        return {**{name: getattr(self, name) for name in names}, "arms": arms}


def estimate(study: Study, *, checked: Loader | None = None) -> Estimate:
    """UserError and WeightsRefused as a real start would raise them. What was `checked` before is neither checked nor loaded
    again: it is the loader of that check, whose owner closes it."""
    with closing(Loader()) if checked is None else nullcontext(checked) as loader:
        measuring = Measuring(loader, StepTimes(study.resources.cpus_per_trial))
        of_request = () if checked is not None else check_request(study, loader=loader)
        share = share_of(study.resources, [this_machine()])
        found = {**_dense_cost(study, measuring), **_costs(with_any_recipe(study), plan_of(study), measuring)}
    arms = tuple(cost for cost, _ in found.values())
    warnings = (*of_request, *told_once({arm: lines for arm, (_, lines) in found.items()}))
    spared = dense_starts(study).spared_epochs if study.resources.share else 0.0
    return Estimate(study.name, arms, share.concurrent, share.gpus, spared, warnings)


@dataclass(frozen=True)
class Measuring:
    """What arms have in common, loaded and timed once."""

    loader: Loader
    steps: StepTimes


Found = dict[str, tuple[ArmCost, tuple[str, ...]]]


def _dense_cost(study: Study, measuring: Measuring) -> Found:
    """Of what `search.state0` runs before the arms, in all searches."""
    if study.search.state0 is None:
        return {}
    dense = [dense_study(study, index) for index in range(study.search.replicates)]
    cost, warnings = _costs(dense[0], [plan for one in dense for plan in plan_of(one)], measuring)[DENSE_ARM]
    return {BEFORE_ARMS: (replace(cost, arm=BEFORE_ARMS), warnings)}


def _costs(study: Study, plans: Sequence[ArmPlan], measuring: Measuring) -> Found:
    return {
        name: _arm_cost(study, arm, [plan for plan in plans if plan.arm == name], measuring)
        for name, arm in study.arms.items()
    }


def _arm_cost(
    study: Study, arm: Arm, plans: Sequence[ArmPlan], measuring: Measuring
) -> tuple[ArmCost, tuple[str, ...]]:
    """And warnings about its weights and images. `plans` are the arm's in each search; recipes are counted as if no two arms
    chose alike."""
    configs = [arm.config(study.space.sample(arm.name, seed)) for seed in range(SAMPLES)]
    of_state0 = sum(config.epochs_of_states()[0] for config in configs) / len(configs)
    epochs = sum(sum(config.epochs_of_states()) for config in configs) / len(configs)
    confirming = sum(plan.confirm_trials for plan in plans)
    cost = ArmCost(arm.name, sum(len(plan.search_ids) for plan in plans), confirming, epochs)
    if arm.traits.from_scratch:
        # Its network is not known before its source arm has been searched.
        return cost, ()
    prepared = prepare(Identity("dry-run"), configs[0], loader=measuring.loader)
    procedure = prepared.procedure
    measured = replace(
        cost,
        training_macs=3.0 * procedure.network.dense_macs * procedure.data.sizes["train"] * epochs * cost.trials,
        seconds=cost.trials * _seconds(procedure, of_state0, epochs - of_state0, measuring.steps),
        disk_bytes=_disk(procedure, configs[0]) * cost.trials,
    )
    return measured, prepared.warnings


def _seconds(procedure: Procedure, of_state0: float, of_later: float, steps: StepTimes) -> float:
    """Seconds of so many epochs of the dense network in state 0, and of so many in states after it."""
    asked = [(procedure.config.train_of_state(state).batch_size, _teacher_of(procedure, state)) for state in (0, 1)]
    of_step = {one: steps.of(procedure, *one) for one in set(asked)}
    first, later = (of_step[one] * procedure.data.steps_per_epoch(one[0]) for one in asked)
    return first * of_state0 + later * of_later


def _teacher_of(procedure: Procedure, state: int) -> nn.Module | None:
    """Whom a state learns from; the dense network at the end of state 0 is as large as that at its beginning."""
    if procedure.config.train_of_state(state).distill.weight == 0:
        return None
    return procedure.network.model if procedure.teacher is None else procedure.teacher


def _disk(procedure: Procedure, config: TrialConfig) -> float:
    """Bytes of one trial's state files and checkpoints, all counted at the dense size."""
    dense = sum(tensor.numel() * tensor.element_size() for tensor in procedure.network.model.state_dict().values())
    return float(dense * (len(config.epochs_of_states()) + CHECKPOINTS * (1 + OPTIMISER_COPIES)))


def _total(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
