"""The weights files of a pretraining, whose provenance says how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from models import atomic, writes
from models.errors import UserError, WeightsRefused, WorkFailed
from models.spec import ModelSpec
from models.weights.digest import file_digest, state_digest
from models.weights.provenance import record_state, write_weights_file
from models.weights.repository import DIGESTS, committed_digests, repository_folder
from models.weights.weights_file import read_provenance, read_weights_file
from trainables.config.pretrain import PretrainConfig
from trainables.data import Data
from trainables.files.environment import environment
from trainables.pretraining.folder import BEST, FINISHED, Standing
from trainables.training.step import Engine

TOLD = ("epoch", "expected")
"""What a later launch may have a finished file tell anew."""


@dataclass(frozen=True)
class WeightsFiles:
    """Of one pretraining, whose run is in `folder`."""

    config: PretrainConfig
    spec: ModelSpec
    data: Data
    folder: Path
    engine: Engine

    def write_best(self, state: Mapping[str, Tensor], standing: Standing) -> None:
        """Those of the last epoch, which is the best so far."""
        figures = {"epoch": len(standing.history), "val_accuracy": standing.history[-1]["val_accuracy"]}
        self._write(self.folder / BEST, state, {**self._made(standing), **figures})

    def best(self, standing: Standing) -> dict[str, Tensor]:
        """Those of the best epoch. WorkFailed where the file with them is gone, damaged, or another epoch's."""
        path, epoch = self.folder / BEST, standing.best_epoch
        try:
            file = read_weights_file(path)
        except WeightsRefused as error:
            raise self._best_is_lost(epoch, error.evidence[0]) from error
        made = {} if file.provenance is None else file.provenance.extra.get("pretrain", {})
        if made.get("epoch") != epoch:
            raise self._best_is_lost(epoch, f"it is of epoch {made.get('epoch')}")
        return file.state

    def _best_is_lost(self, epoch: int | None, why: str) -> WorkFailed:
        return WorkFailed(
            f"found best, but the best weights, of epoch {epoch}, are not in {self.folder / BEST} ({why}); put that file back, "
            "or say last, which finishes with the last epoch's",
            key="finish_with",
        )

    def best_is_of(self, epoch: int) -> bool:
        """Whether there are best weights, and they are those of this epoch, counted from 1."""
        path = self.folder / BEST
        provenance = read_provenance(path) if path.exists() else None
        return provenance is not None and provenance.extra["pretrain"]["epoch"] == epoch

    def write_finished(
        self, state: Mapping[str, Tensor], standing: Standing, figures: Mapping[str, Any]
    ) -> tuple[Path, str]:
        """To the run's folder and where the file says; gives that path, and the file's SHA-256.

        What has been written is left as it is, so that it stays the same file however often the command is given. Where it
        lies in the repository's own `weights/`, its digest is listed there, which makes it proven.
        """
        made, own, path = {**self._made(standing), **figures}, self.folder / FINISHED, self.config.output
        if not _holds(own, state, made):
            self._write(own, state, made)
        if not _holds(path, state, made):
            _copied(own, path)
        digest = file_digest(path)
        if path.resolve().parent == repository_folder().resolve():
            atomic.write_json(path.parent / DIGESTS, dict(sorted({**committed_digests(), path.name: digest}.items())))
        return path, digest

    def _write(self, path: Path, state: Mapping[str, Tensor], made: Mapping[str, Any]) -> None:
        provenance = record_state(
            state,
            self.spec,
            origin=f"pretrain:{self.config.name}",
            default_how="trained",
            mean=self.data.mean,
            std=self.data.std,
            extra={"pretrain": dict(made)},
        )
        write_weights_file(path, state, provenance)

    def _made(self, standing: Standing) -> dict[str, Any]:
        config, data, engine = self.config, self.data, self.engine
        made = {
            # Where files lie on this machine is nobody else's business.
            "config": config.model_dump(mode="json", exclude={"output": True, "data": {"root"}}),
            "data": {
                "name": data.info.name,
                "digest": data.digest,
                "sizes": dict(data.sizes),
                "splits": dict(data.splits),
            },
            "peak_lr": config.peak_lr,
            "processes": sorted({times["processes"] for times in standing.times}),
            "environment": environment(engine.device, engine.precision, config.train.threads),
        }
        if config.expected is not None:
            made["expected"] = {"prediction": True, **config.expected.model_dump(mode="json")}
        return made


def _holds(path: Path, state: Mapping[str, Tensor], made: Mapping[str, Any]) -> bool:
    """Whether the file has these weights, whole, and tells the same of them."""
    try:
        there = read_weights_file(path)
    except WeightsRefused:
        return False
    if there.provenance is None or state_digest(there.state) != state_digest(state):
        return False
    told = there.provenance.extra.get("pretrain", {})
    return all(told.get(key) == made.get(key) for key in TOLD)


def _copied(source: Path, target: Path) -> None:
    try:
        with atomic.replace_via(target) as temporary:
            writes.copy(source, temporary)
    except OSError as error:
        raise UserError(
            f"found {target}, which cannot be written ({error.strerror or error}); the weights are in {source}: name another "
            "file, and give the same command again",
            key="output",
        ) from error
