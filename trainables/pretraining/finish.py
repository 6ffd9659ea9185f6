"""The weights files of a pretraining, whose provenance says how they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from models import atomic
from models.spec import ModelSpec
from models.weights.digest import file_digest
from models.weights.provenance import record_state, write_weights_file
from models.weights.repository import DIGESTS, committed_digests, repository_folder
from models.weights.weights_file import read_provenance
from trainables.config.pretrain import PretrainConfig
from trainables.data import Data
from trainables.files.environment import environment
from trainables.pretraining.folder import BEST, FINISHED, Standing
from trainables.training.step import Engine


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

    def best_is_of(self, epoch: int) -> bool:
        """Whether there are best weights, and they are those of this epoch, counted from 1."""
        path = self.folder / BEST
        provenance = read_provenance(path) if path.exists() else None
        return provenance is not None and provenance.extra["pretrain"]["epoch"] == epoch

    def write_finished(
        self, state: Mapping[str, Tensor], standing: Standing, figures: Mapping[str, Any]
    ) -> tuple[Path, str]:
        """To the run's folder and where the file says; gives that path, and the file's SHA-256.

        Where it lies in the repository's own `weights/`, its digest is listed there, which makes it proven.
        """
        made = {**self._made(standing), **figures}
        self._write(self.folder / FINISHED, state, made)
        path = self._write(self.config.output, state, made)
        digest = file_digest(path)
        if path.resolve().parent == repository_folder().resolve():
            atomic.write_json(path.parent / DIGESTS, dict(sorted({**committed_digests(), path.name: digest}.items())))
        return path, digest

    def _write(self, path: Path, state: Mapping[str, Tensor], made: Mapping[str, Any]) -> Path:
        provenance = record_state(
            state,
            self.spec,
            origin=f"pretrain:{self.config.name}",
            default_how="trained",
            mean=self.data.mean,
            std=self.data.std,
            extra={"pretrain": dict(made)},
        )
        return write_weights_file(path, state, provenance)

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
