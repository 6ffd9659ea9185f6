"""What a trial trains: the network, the data it is trained and judged on, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

import torch

from models.cost import measure_latency
from models.units.compaction import positions_of
from pruning.allocation import Drop
from pruning.magnitude_ratio import magnitude_ratio
from pruning.methods import Method
from pruning.repair import Repaired
from pruning.repair.batch_norm import retake_statistics
from trainables.config.train import TrainConfig
from trainables.config.trial import TrialConfig
from trainables.data import Batch, Data
from trainables.states.network import Network
from trainables.states.position import Position
from trainables.training.answers import EVALUATION_BATCH
from trainables.training.epoch import Evaluation, evaluate, evaluate_as_exported
from trainables.training.micro_batches import images_at_a_time


@dataclass(kw_only=True)
class Subject:
    """Between states and within one the same object: whoever trains it or cuts it moves `position` on."""

    config: TrialConfig
    method: Method
    data: Data
    network: Network
    device: torch.device
    precision: str
    position: Position = Position()
    micro_batches: int = 1
    """Into so many pieces each training batch is cut, for the device's memory does not do for whole ones; evaluation and
    calibration take fewer images at a time, too."""
    _calibration: tuple[Batch, ...] | None = field(default=None, init=False)

    @property
    def train(self) -> TrainConfig:
        """How the present state trains."""
        return self.config.train_of_state(self.position.state)

    def steps_per_epoch(self, state: int) -> int:
        """Optimiser steps of one epoch of a state."""
        return self.data.steps_per_epoch(self.config.train_of_state(state).batch_size)

    def evaluate(self, part: str) -> Evaluation:
        """The network as it stands on the validation or test split, in eval mode and the trial's precision."""
        return evaluate(self.network.model, self.eval_batches(part, self.train.batch_size), self.precision, self.device)

    def evaluate_as_exported(self, part: str) -> Evaluation:
        """The same of the float32 network that a state's file holds: for all that is reported of a state's end."""
        return evaluate_as_exported(self.network.model, self.eval_batches(part, self.train.batch_size), self.device)

    def eval_batches(self, part: str, batch_size: int) -> Iterator[Batch]:
        """A part of the data in batches, at least as large as those that are trained on."""
        at_once = images_at_a_time(max(batch_size, EVALUATION_BATCH), self.micro_batches)
        return self.data.eval_batches(part, at_once)

    def latency_ms(self) -> float | None:
        """Median milliseconds of a forward pass, where the configuration asks for it."""
        measure = self.config.measure
        if not measure.latency:
            return None
        shape = self.network.spec.input_shape
        return measure_latency(self.network.model, shape, self.device, measure.latency_batch)

    def measured_removal(self, drop: Drop, remove: Callable[[], None]) -> None:
        """Remove the units, and repair what read them where the trial asks for it; note validation accuracy just before and
        after, and with the repair, and how small the dropped units had become."""
        network, how = self.network, self.config.prune.compensate
        ratio = magnitude_ratio(network.model, network.groups(), positions_of(network.structure, drop))
        removal = {"val_accuracy_before": self._val_accuracy()}
        repaired: dict[str, Repaired] = {}
        was = network.as_it_is() if how != "none" else None
        remove()
        removal["val_accuracy_after"] = self._val_accuracy()
        if was is not None and how != "none":
            images = torch.cat([images for images, _ in self.calibration_batches()])
            repaired = network.repair(was, images, how)
            retake_statistics(network.model, images)
            removal["val_accuracy_repaired"] = self._val_accuracy()
        if ratio is not None:
            removal |= {"magnitude_ratio": ratio.mean, "magnitude_ratio_rms": ratio.rms}
        self.forget_calibration()
        told = {name: asdict(one) for name, one in repaired.items()}
        self.position = replace(self.position, removal=removal, repair=told or None)

    def _val_accuracy(self) -> float:
        return self.evaluate_as_exported("val").accuracy

    def calibration_batches(self) -> Sequence[Batch]:
        """The calibration images: decoded once for all that looks at them in an event, until `forget_calibration`."""
        if self._calibration is None:
            count, batch_size = self.config.prune.calibration(self.config.train.batch_size)
            at_once = images_at_a_time(batch_size, self.micro_batches)
            self._calibration = tuple(self.data.calibration_batches(at_once, images=count))
        return self._calibration

    def forget_calibration(self) -> None:
        """Let go of the calibration images, which may be large."""
        self._calibration = None
