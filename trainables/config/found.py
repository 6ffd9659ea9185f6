"""Weights that a configuration leaves to be found: which networks ask for that, and the same with what was found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.networks.variants import is_looked_up, known_as
from trainables.config.distill import TEACHER_KEY, TeacherConfig
from trainables.config.model import InitConfig
from trainables.config.trial import TrialConfig

FoundWeights = Mapping[str, Mapping[str, str]]
"""Network (`ToFind.network`) → `path` and `sha256`, or `tag`, and `found`, as `InitConfig` has them. Plain JSON."""
FILLED_IN = ("path", "tag", "sha256", "found")


@dataclass(frozen=True)
class ToFind:
    """A network whose weights are to be found, as the configuration has it under `key`."""

    key: str
    arch: str
    args: Mapping[str, Any]
    sha256: str | None

    @property
    def network(self) -> str:
        """For people, and the same for all who ask for the same weights."""
        return _network(self.arch, self.args, self.sha256)


def networks_to_find(config: TrialConfig) -> Iterator[ToFind]:
    """The trial's network and its outside teacher, where their weights are to be found."""
    model, teacher = config.model, config.train.distill.outside
    if _to_find(model.arch, model.init) and not config.prune.traits.from_scratch:
        yield ToFind("model.init", model.arch, model.args, model.init.sha256)
    if teacher is not None and teacher.arch is not None and _to_find(teacher.arch, teacher.init):
        yield ToFind(f"{TEACHER_KEY}.init", teacher.arch, teacher.args, teacher.init.sha256)


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
    """What a trial's recorded configuration says was found for it: for who asks for it by the network alone, and for who asks
    for this very file."""
    model = recorded.get("model") or {}
    distill = (recorded.get("train") or {}).get("distill") or {}
    teacher = distill.get("teacher")
    asked = [one for one in (model, teacher) if isinstance(one, Mapping) and (one.get("init") or {}).get("found")]
    return {
        _network(one["arch"], one.get("args"), sha256): {
            key: one["init"][key] for key in FILLED_IN if one["init"].get(key)
        }
        for one in asked
        for sha256 in (None, one["init"].get("sha256"))
        if one.get("arch")
    }


def _network(arch: str, args: Mapping[str, Any] | None, sha256: str | None) -> str:
    return known_as(arch, args) if sha256 is None else f"{known_as(arch, args)} of sha256 {sha256}"


def _to_find(arch: str, init: InitConfig) -> bool:
    return init.source == "pretrained" and not init.names_weights and is_looked_up(arch)


def _filled(arch: str, args: Mapping[str, Any], init: InitConfig, found: FoundWeights) -> InitConfig | None:
    if not _to_find(arch, init) or (one := found.get(_network(arch, args, init.sha256))) is None:
        return None
    update: dict[str, Any] = {key: one.get(key) for key in FILLED_IN}
    if update["path"] is not None:
        update["path"] = Path(update["path"])
    return init.model_copy(update=update)
