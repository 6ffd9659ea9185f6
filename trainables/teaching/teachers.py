"""The outside teachers of trials: each opened, judged and probed once, however many configurations ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from models.cost import count_macs, count_parameters
from trainables.config.distill import TEACHER_KEY
from trainables.config.trial import TrialConfig
from trainables.data.base import Data, DataInfo
from trainables.data.batching import fit_channels
from trainables.teaching.images import Scale, ShownItsOwn
from trainables.teaching.knowledge import Knowledge
from trainables.teaching.probe import knowledge_of
from trainables.teaching.sources import open_teacher
from trainables.teaching.teacher import Teacher, split_warnings


@dataclass(frozen=True)
class Teaching:
    """A teacher before a trial's images. `network` takes the trial's batches; `header` stands in its record."""

    network: nn.Module
    header: dict[str, Any]
    warnings: tuple[str, ...]


class Teachers:
    """Those that have been asked for."""

    def __init__(self) -> None:
        self._opened: list[tuple[Any, Teacher]] = []
        self._probed: list[tuple[Any, Knowledge]] = []

    def of(self, config: TrialConfig, info: DataInfo) -> Teacher | None:
        """The outside teacher that a trial learns from, if it has one; raises as `open_teacher` does."""
        asked = config.train.distill.outside, info
        if asked[0] is None:
            return None
        for known, teacher in self._opened:
            if known == asked:
                return teacher
        teacher = open_teacher(asked[0], info)
        self._opened.append((asked, teacher))
        return teacher

    def before(self, teacher: Teacher, config: TrialConfig, own: Data, seen: Data, device: torch.device) -> Teaching:
        """`own` is the data in its own normalisation, `seen` the same in the trial's."""
        scale, trial_scale = teacher.scale, Scale.of(seen.mean, seen.std)
        warnings = [*teacher.warnings, *split_warnings(teacher, config.data, own.digest)]
        if scale is None:
            channels = teacher.spec.in_chans
            scale = Scale.of(fit_channels(own.mean, channels), fit_channels(own.std, channels))
            warnings.append(
                f"{TEACHER_KEY}: {teacher.origin} does not say with which mean and standard deviation it was trained; the "
                "training images' own are taken"
            )
        network = ShownItsOwn(teacher.model, trial_scale, scale, teacher.spec.img_size).to(device)
        knowledge = self._knowledge((teacher.digest, own.digest, trial_scale, scale), network, seen, device)
        if not knowledge.wins:
            warnings.append(
                f"{TEACHER_KEY}: {teacher.origin} does not know these classes ({knowledge.text()}); are they others, or in "
                "another order?"
            )
        return Teaching(network, _header(teacher, scale, knowledge), tuple(warnings))

    def _knowledge(self, asked: Any, network: nn.Module, data: Data, device: torch.device) -> Knowledge:
        for known, found in self._probed:
            if known == asked:
                return found
        found = knowledge_of(network, data, device)
        self._probed.append((asked, found))
        return found


def _header(teacher: Teacher, scale: Scale, knowledge: Knowledge) -> dict[str, Any]:
    """Plain JSON. `macs` of one forward pass of one image, which no `training_macs` counts."""
    return {
        "digest": teacher.digest,
        "verdict": teacher.verdict,
        "evidence": list(teacher.evidence),
        "warnings": list(teacher.warnings),
        "origin": teacher.origin,
        "source_sha256": teacher.source_sha256,
        "spec": teacher.spec.to_json(),
        "params": count_parameters(teacher.model),
        "macs": count_macs(teacher.model, teacher.spec.input_shape),
        "mean": list(scale.mean),
        "std": list(scale.std),
        "trained_on": None if teacher.trained_on is None else teacher.trained_on.name,
        "probe": knowledge.to_json(),
    }
