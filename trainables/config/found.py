"""Weights that a configuration leaves to be found: which networks ask for that, and the same with what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from models.networks.variants import is_looked_up, known_as
from trainables.config.distill import TEACHER_KEY, TeacherConfig
from trainables.config.model import InitConfig
from trainables.config.trial import TrialConfig

FoundWeights = Mapping[str, Mapping[str, str]]
"""Network (`known_as`) → `path` or `tag`, and `found`, as `InitConfig` has them. Plain JSON."""
FILLED_IN = ("path", "tag", "found")


def networks_to_find(config: TrialConfig) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(key that asks for it, architecture as typed, arguments) of the network and of an outside teacher, where their weights
    are to be found."""
    if _to_find(config.model.arch, config.model.init) and not config.prune.traits.from_scratch:
        yield "model.init", config.model.arch, config.model.args
    teacher = config.train.distill.outside
    if teacher is not None and teacher.arch is not None and _to_find(teacher.arch, teacher.init):
        yield f"{TEACHER_KEY}.init", teacher.arch, teacher.args


def with_found(config: TrialConfig, found: FoundWeights) -> TrialConfig:
    """The configuration that names the weights which were found for it."""
    model, distill = config.model, config.train.distill
    if (init := _filled(model.arch, model.args, model.init, found)) is not None:
        config = config.model_copy(update={"model": model.model_copy(update={"init": init})})
    teacher = distill.teacher
    if not isinstance(teacher, TeacherConfig) or teacher.arch is None:
        return config
    if (init := _filled(teacher.arch, teacher.args, teacher.init, found)) is None:
        return config
    # Of a teacher a tag names the network too.
    named = {"init": init, "arch": None} if init.tag is not None else {"init": init}
    taught = distill.model_copy(update={"teacher": teacher.model_copy(update=named)})
    return config.model_copy(update={"train": config.train.model_copy(update={"distill": taught})})


def found_in(recorded: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What a trial's recorded configuration says was found for it."""
    model = recorded.get("model") or {}
    distill = (recorded.get("train") or {}).get("distill") or {}
    teacher = distill.get("teacher")
    asked = [one for one in (model, teacher) if isinstance(one, Mapping) and (one.get("init") or {}).get("found")]
    return {
        known_as(one["arch"], one.get("args")): {key: one["init"][key] for key in FILLED_IN if one["init"].get(key)}
        for one in asked
        if one.get("arch")
    }


def _to_find(arch: str, init: InitConfig) -> bool:
    return init.source == "pretrained" and not init.names_weights and is_looked_up(arch)


def _filled(arch: str, args: Mapping[str, Any], init: InitConfig, found: FoundWeights) -> InitConfig | None:
    if not _to_find(arch, init) or (one := found.get(known_as(arch, args))) is None:
        return None
    path = one.get("path")
    update = {"path": None if path is None else Path(path), "tag": one.get("tag"), "found": one.get("found")}
    return init.model_copy(update=update)
