"""How a pretraining ends: which weights it finishes with, how good they are, and where they are written to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from models.weights.registered import registered_line
from trainables.config.pretrain import PretrainConfig
from trainables.data import Data
from trainables.pretraining.finish import WeightsFiles
from trainables.pretraining.folder import Standing
from trainables.pretraining.judging import Judge
from trainables.pretraining.listener import Listener
from trainables.pretraining.processes import Processes
from trainables.pretraining.trained import state_of


@dataclass(frozen=True)
class PretrainResult:
    """`history` has a line for each epoch: epoch, train_loss, train_accuracy, val_loss, val_accuracy, lr; with more than five
    classes val_top5, and with a moving average the weights' own val_loss_unaveraged and val_accuracy_unaveraged."""

    path: Path
    sha256: str
    val_accuracy: float
    test_accuracy: float | None
    """None where there is no test split."""
    history: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Ending:
    config: PretrainConfig
    data: Data
    judge: Judge
    files: WeightsFiles
    processes: Processes

    def reached(self, standing: Standing, model: nn.Module, listener: Listener) -> PretrainResult | None:
        """`model` holds the weights of the last epoch. None in every process but the first.

        UserError where the weights to finish with are gone, or a place cannot be written.
        """
        history = standing.history
        figures: dict[str, Any] = {"epoch": len(history), "val_accuracy": history[-1]["val_accuracy"]}
        if self.config.finish_with == "best":
            figures = self._take_best(standing, model)
        figures["test_accuracy"] = None
        if self.data.sizes["test"]:
            figures["test_accuracy"] = self.judge.evaluate(model, "test", as_exported=True).accuracy
        written = self.processes.together(lambda: self._write(standing, model, figures))
        if written is None:
            return None
        path, digest = written
        listener.tell(registered_line(path))
        return PretrainResult(path, digest, figures["val_accuracy"], figures["test_accuracy"], tuple(history))

    def _write(self, standing: Standing, model: nn.Module, figures: dict[str, Any]) -> tuple[Path, str] | None:
        return self.files.write_finished(state_of(model), standing, figures) if self.processes.is_first else None

    def _take_best(self, standing: Standing, model: nn.Module) -> dict[str, Any]:
        """Load them, and judge them as they are written."""
        best = self.processes.together(lambda: self.files.best(standing) if self.processes.is_first else {})
        model.load_state_dict(self.processes.tensors_from_first(best), strict=True)
        val = self.judge.evaluate(model, "val", as_exported=True)
        return {"epoch": standing.best_epoch, "val_accuracy": val.accuracy}
