"""Whether a trial may record its steps and replay them (`train.graph`), and what its states share of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from models.errors import UserError
from trainables.config.train import TrainConfig
from trainables.training.capture import Capture, CudaCapture
from trainables.training.graph_costs import GraphCosts
from trainables.training.step_graph import StepGraph

UNABLE = "sgd in float16, which asks the CPU in each step whether gradients overflowed, and no recorded step can"


@dataclass
class Graphs:
    """Of one trial on one device. What a capture costs and saves is learnt over its states."""

    precision: str
    must: bool
    """Without asking whether it repays."""
    new_capture: Callable[[], Capture]
    costs: GraphCosts = field(default_factory=GraphCosts)

    def of_state(self, train: TrainConfig) -> StepGraph | None:
        """For a state that trains like this; None where its steps cannot be recorded."""
        return None if reads_back(train, self.precision) else StepGraph(self.new_capture, self.costs, must=self.must)


def graphs_for(recipes: Sequence[TrainConfig], device: torch.device, precision: str) -> Graphs | None:
    """For states that train like these. None where every step is taken eagerly; UserError where `always` asks for what
    cannot be."""
    asked = recipes[0].graph
    if asked == "always":
        _check_possible(recipes, device, precision)
    if asked == "never" or device.type != "cuda":
        return None
    return Graphs(precision, asked == "always", lambda: CudaCapture(device))


def graph_warnings(graphs: Graphs | None, recipes: Sequence[TrainConfig]) -> tuple[str, ...]:
    """A line where `auto` comes to nothing."""
    if graphs is None or not any(reads_back(train, graphs.precision) for train in recipes):
        return ()
    return (f"train.graph: without effect in states that train by {UNABLE}",)


def reads_back(train: TrainConfig, precision: str) -> bool:
    """Whether the CPU decides within each step: the loss scaler asks it to skip one whose gradients overflow, where the
    optimiser's kernel cannot skip by itself."""
    return precision == "float16" and train.optimizer == "sgd"


def _check_possible(recipes: Sequence[TrainConfig], device: torch.device, precision: str) -> None:
    if device.type != "cuda":
        raise UserError(
            f"found always, but the trial trains on {device}, where there are no CUDA graphs; use auto, or "
            "train.device: cuda on a machine with a GPU",
            key="train.graph",
        )
    if any(reads_back(train, precision) for train in recipes):
        raise UserError(
            f"found always, but a state trains by {UNABLE}; use auto, train.optimizer: adamw or train.precision: bfloat16",
            key="train.graph",
        )
