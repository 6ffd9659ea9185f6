"""What is known of an outside teacher, and whether it can teach a study's classes at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from models.errors import UserError
from models.spec import ModelSpec
from trainables.config.distill import TEACHER_KEY
from trainables.config.trial import DataConfig
from trainables.data.base import DataInfo
from trainables.teaching.images import Scale

SPLIT_KEYS = ("val_fraction", "test_fraction", "split_seed", "folds", "fold")
"""Keys of `data` that decide which images are held out."""
WAY_OUT = (
    "name a network trained for these classes, such as the state file of a dense trial on this data "
    f"(runs/NAME/trials/ID/states/00.safetensors), or say {TEACHER_KEY}: dense"
)


@dataclass(frozen=True)
class TrainedOn:
    """The data that a file of this project says it was trained on: `config` is its `data` section, as far as recorded."""

    name: str
    digest: str
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Teacher:
    """A network with a trained classifier, whole, on the CPU and in eval mode. `digest` is that of its weights.

    `scale` is the normalisation it was trained with, None where that is not known; `source_sha256` the digest of its file.
    """

    model: nn.Module
    spec: ModelSpec
    origin: str
    source_sha256: str
    digest: str
    verdict: Literal["proven", "unproven"]
    evidence: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    scale: Scale | None = None
    trained_on: TrainedOn | None = None


def check_classes(origin: str, classes: int, info: DataInfo) -> None:
    """UserError where a network of so many outputs cannot tell the data's classes apart."""
    if classes == info.num_classes:
        return
    found = f"tells {classes} classes apart" if classes else "has no classifier"
    raise UserError(
        f"{origin} {found}, and {info.name} has {info.num_classes}: outputs for other classes say nothing of these; {WAY_OUT}",
        key=TEACHER_KEY,
    )


def check_suits(teacher: Teacher, info: DataInfo) -> None:
    """UserError where the teacher knows other classes, or cannot be shown such images."""
    check_classes(teacher.origin, teacher.spec.num_classes, info)
    known = teacher.trained_on
    if known is not None and known.name != info.name:
        raise UserError(
            f"{teacher.origin} was trained on {known.name}, found {info.name} here: as many classes, but others; {WAY_OUT}",
            key=TEACHER_KEY,
        )
    if info.in_chans not in (1, teacher.spec.in_chans):
        raise UserError(
            f"{teacher.origin} sees {teacher.spec.in_chans} channel, and images of {info.name} have {info.in_chans}; "
            f"{WAY_OUT}",
            key=TEACHER_KEY,
        )


def split_warnings(teacher: Teacher, data: DataConfig, digest: str) -> tuple[str, ...]:
    """What is odd about the images that the teacher was trained on, beside these. `digest` is that of the trial's data."""
    known = teacher.trained_on
    if known is None or known.digest == digest:
        return ()
    now = data.model_dump(mode="json")
    differs = [key for key in SPLIT_KEYS if key in known.config and known.config[key] != now[key]]
    if differs:
        told = ", ".join(f"data.{key} {known.config[key]}, here {now[key]}" for key in differs)
        return (
            f"{TEACHER_KEY}: {teacher.origin} was trained on another split ({told}): it may have seen images that this trial "
            "is judged by",
        )
    if data.name == "image_folder":
        return (
            f"{TEACHER_KEY}: {teacher.origin} was trained on other images of an image_folder: nothing says that its classes "
            "are these, in the same order",
        )
    return ()
