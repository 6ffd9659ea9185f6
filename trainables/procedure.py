"""The procedure of one trial in memory: states 0..K, each a fixed list of epochs. Writes no files.

Order at the start of state s >= 1, the same for every method: score and select on the trained end of state s-1; rewind
every surviving tensor; let the method act; start optimiser and learning rates afresh.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from models.compaction import positions_of
from models.cost import measure_latency
from models.structure import Structure
from pruning.magnitude_ratio import magnitude_ratio
from pruning.methods import Method, StatePlan
from trainables.config import TrialConfig
from trainables.data import Data
from trainables.learning_rate import learning_rates
from trainables.mixing import make_mix
from trainables.network import Network
from trainables.optimizers import build_optimizer
from trainables.precision import loss_scaler
from trainables.prune_config import RewindEpoch
from trainables.pruning_event import Event, choose_drop, update_masks
from trainables.seeds import derive, seed_everything
from trainables.shrinking import Shrinking
from trainables.standing import Standing
from trainables.training import Diverged, Engine, EpochResult, Evaluation, evaluate, train_epoch

TRAINING_COST = 3
"""Forward passes' worth of multiply-accumulates in a training step: one forward, about two backward."""


@dataclass
class Procedure:
    """`initial` is the dense network's initial state dict; `rewind_to` what `rewind: {epoch: e}` returns to, once taken.

    `epochs` lists the epochs of each state. `standing` says where the procedure is; everything else follows from it, the
    network's weights and the optimiser's moments, so a checkpoint holds only those.
    """

    config: TrialConfig
    method: Method
    data: Data
    network: Network
    initial: Mapping[str, Tensor]
    epochs: tuple[int, ...]
    device: torch.device
    precision: str
    standing: Standing = Standing()
    rewind_to: Mapping[str, Tensor] | None = None
    engine: Engine = field(init=False)
    shrinking: Shrinking = field(init=False)
    rates: tuple[float, ...] = ()

    @property
    def finished(self) -> bool:
        return self.standing.state >= len(self.epochs)

    @property
    def steps_per_epoch(self) -> int:
        return self.data.steps_per_epoch(self.config.train.batch_size)

    @property
    def rewind_epoch(self) -> int | None:
        """After how many epochs of state 0 the weights to return to are taken; None where they are not needed."""
        rewind = self.config.prune.rewind
        return rewind.epoch if isinstance(rewind, RewindEpoch) and rewind.epoch > 0 else None

    def restore(self, meta: Mapping[str, Any], model: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> None:
        """Stand where a checkpoint stood; the optimiser's moments follow once the state is started."""
        self.standing = Standing.from_json(meta["standing"])
        structure = Structure.from_json(meta["structure"])
        if structure != self.network.structure:
            self.network.restrict(structure)
        self.network.model.load_state_dict(dict(model), strict=True)
        if masks:
            self.network.masks = {name: mask.to(self.device) for name, mask in masks.items()}
            self.network.masked = True

    def start_state(self) -> None:
        """Do the state's own work where it has not been done, and make optimiser, rates and plan ready."""
        train, state = self.config.train, self.standing.state
        self.rates = learning_rates(train.schedule, train.lr, self.epochs[state] * self.steps_per_epoch)
        if state > 0 and self.standing.epoch == 0:
            self._prune()
        self.shrinking = Shrinking.of(self._plan(), self.rates, self.network)
        teacher = self.engine.teacher if hasattr(self, "engine") else None
        augment = self.config.data.augment
        self.engine = Engine(
            model=self.network.model,
            optimizer=build_optimizer(self.network.model, train),
            scaler=loss_scaler(self.precision, self.device, self.standing.scaler),
            config=train,
            precision=self.precision,
            device=self.device,
            teacher=teacher,
            mix=make_mix(augment.mixup, augment.cutmix, self.data.info.num_classes),
        )

    def run_epoch(self) -> dict[str, Any]:
        """Train one epoch of the present state and return its record line; the state must have been started."""
        seed = derive(self.config.seed, "epoch", self.standing.state, self.standing.epoch)
        seed_everything(seed)
        first = self.standing.epoch * self.steps_per_epoch
        began = time.perf_counter()
        batches = self.data.train_batches(self.config.train.batch_size, seed)
        result = train_epoch(self.engine, batches, self.rates, first, self._before_step, self._after_step)
        seconds = time.perf_counter() - began
        self.standing = replace(
            self.standing,
            epoch=self.standing.epoch + 1,
            epochs_total=self.standing.epochs_total + 1,
            seconds=self.standing.seconds + seconds,
            scaler=self.engine.scaler.state_dict(),
        )
        last, val = first + self.steps_per_epoch - 1, self.evaluate("val")
        if not math.isfinite(val.loss):  # the last step of an epoch has no training loss after it
            raise Diverged(last, val.loss, "validation")
        return self._epoch_line(result, val, last, seconds)

    @property
    def state_ended(self) -> bool:
        return not self.finished and self.standing.epoch >= self.epochs[self.standing.state]

    def evaluate(self, part: str) -> Evaluation:
        """The network as it stands on the validation or test split, in eval mode."""
        batches = self.data.eval_batches(part, max(self.config.train.batch_size, 256))
        return evaluate(self.network.model, batches, self.precision, self.device)

    def latency_ms(self) -> float | None:
        """Median milliseconds of a forward pass, where the configuration asks for it."""
        measure = self.config.measure
        if not measure.latency:
            return None
        shape = self.network.spec.input_shape
        return measure_latency(self.network.model, shape, self.device, measure.latency_batch)

    def teach(self, teacher: nn.Module) -> None:
        """Distil from this network from now on."""
        self.engine.teacher = teacher.to(self.device).eval().requires_grad_(False)

    def _prune(self) -> None:
        event = Event(
            config=self.config.prune,
            method=self.method,
            state=self.standing.state,
            seed=self.config.seed,
            batches=self.data.calibration_batches(self.config.train.batch_size, self.config.prune.calibration_batches),
        )
        if event.needs_masks:
            update_masks(self.network, event)
        drop = choose_drop(self.network, event) if self.method.traits.makes_smaller else {}
        self.standing = self.standing.with_drop(drop)
        source = self._rewind_source()
        if source is not None:
            self.network.rewind(source)
        if self.method.traits.masks:
            self.network.masked = True
            self.network.apply_masks()
        at_once = self._plan().remove_now
        if at_once:
            self._measured_removal(at_once, lambda: self.network.remove(at_once))

    def _rewind_source(self) -> Mapping[str, Tensor] | None:
        if self.config.prune.rewind == "continue":
            return None
        if self.rewind_epoch is None:
            return self.initial
        if self.rewind_to is None:
            raise RuntimeError(f"the weights of epoch {self.rewind_epoch} of state 0 were not kept")
        return self.rewind_to

    def _plan(self) -> StatePlan:
        if self.standing.state == 0 or not self.method.traits.makes_smaller:
            return StatePlan()
        return self.method.plan(self.standing.chosen(), self.rates, self.config.prune.rsst)

    def _before_step(self, step: int) -> None:
        self.shrinking.before_step(step)

    def _after_step(self, step: int) -> None:
        self.shrinking.after_step(step)
        if self.network.masked:
            self.network.apply_masks()
        images = self.data.sizes["train"] / self.steps_per_epoch
        spent = TRAINING_COST * self.network.macs() * images
        self.standing = replace(self.standing, training_macs=self.standing.training_macs + spent)
        if self.shrinking.removes_after(step):
            drop = self.shrinking.plan.shrink
            self._measured_removal(drop, lambda: self._remove_within_state(drop))
            self.shrinking.removed()

    def _remove_within_state(self, drop: Mapping[str, tuple[int, ...]]) -> None:
        self.engine.optimizer = self.network.remove_with_optimizer(drop, self.engine.optimizer, self.config.train)

    def _measured_removal(self, drop: Mapping[str, tuple[int, ...]], remove: Any) -> None:
        """Remove, and note validation accuracy just before and after and how small the dropped units had become."""
        network = self.network
        ratio = magnitude_ratio(network.model, network.groups(), positions_of(network.structure, drop))
        before = self.evaluate("val").accuracy
        remove()
        removal = {"val_accuracy_before": before, "val_accuracy_after": self.evaluate("val").accuracy}
        if ratio is not None:
            removal |= {"magnitude_ratio": ratio.mean, "magnitude_ratio_rms": ratio.rms}
        self.standing = replace(self.standing, removal=removal)

    def _epoch_line(self, result: EpochResult, val: Evaluation, last_step: int, seconds: float) -> dict[str, Any]:
        cost, standing = self.network.cost(), self.standing
        return {
            "kind": "epoch",
            "state": standing.state,
            "epoch": standing.epoch,
            "epochs_total": standing.epochs_total,
            "phase": self.shrinking.phase(last_step),
            "train_loss": result.loss,
            "train_accuracy": result.accuracy,
            "val_loss": val.loss,
            "val_accuracy": val.accuracy,
            "lr": self.rates[last_step],
            "lambda": self.shrinking.strength(last_step),
            "kept": self.network.structure.kept_of_kind(),
            "removed_percent": cost.removed_percent,
            "params": cost.params,
            "macs": cost.macs,
            "images_per_second": result.images / seconds,
            "seconds": seconds,
        }
