"""What a trial leaves of each state: the network, its prediction for every test image, and the state's line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from models import atomic
from models.save_load import load, save
from models.tensor_file import write_tensors
from trainables.files.record import StateEnd
from trainables.files.remote.at_need import fetched
from trainables.states.procedure import Procedure
from trainables.training.epoch import Evaluation

REWIND_FILE = "checkpoint/rewind.safetensors"
"""The weights of an epoch of state 0 that later states return to, relative to the trial's folder."""


def state_file(state: int) -> str:
    """The network's file at the end of a state, relative to the trial's folder."""
    return f"states/{state:02d}.safetensors"


def predictions_file(state: int) -> str:
    return f"states/{state:02d}.predictions.safetensors"


def save_state(folder: Path, procedure: Procedure, last_epoch: Mapping[str, Any], test: Evaluation | None) -> StateEnd:
    """Write the files of the state that has just ended; returns what is reported of it, its last epoch's line at hand.

    `test` is None where there is no test split.
    """
    position = procedure.position
    if test is not None:
        save_predictions(folder, position.state, test)
    file = save_state_file(folder, procedure, val_accuracy=last_epoch["val_accuracy"])
    return StateEnd(
        state=position.state,
        epochs=position.epochs_total,
        val_accuracy=last_epoch["val_accuracy"],
        val_loss=last_epoch["val_loss"],
        test_accuracy=None if test is None else test.accuracy,
        test_loss=None if test is None else test.loss,
        params=last_epoch["params"],
        macs=last_epoch["macs"],
        removed_percent=last_epoch["removed_percent"],
        removed_of_all_percent=last_epoch["removed_of_all_percent"],
        kept=last_epoch["kept"],
        training_macs=position.training_macs,
        seconds=position.seconds,
        latency_ms=procedure.latency_ms(),
        removal=position.removal,
        repair=position.repair,
        file=file,
        structure=procedure.network.structure.to_json(),
        warnings=list(position.warnings),
    )


def save_state_file(folder: Path, procedure: Procedure, val_accuracy: float) -> str:
    """Write the network as it stands; returns the path relative to the trial's folder."""
    position, name = procedure.position, state_file(procedure.position.state)
    metadata = {
        "state": position.state,
        "epochs": position.epochs_total,
        "training_macs": position.training_macs,
        "val_accuracy": val_accuracy,
        "normalisation": {"mean": list(procedure.data.mean), "std": list(procedure.data.std)},
        "preprocessing": procedure.data.preprocessing.to_json(),
        "class_names": list(procedure.data.classes),
        "data": {"name": procedure.data.info.name, "digest": procedure.data.digest},
        "config": procedure.config.model_dump(mode="json"),
    }
    network = procedure.network
    save(folder / name, network.model.state_dict(), network.spec, network.structure, metadata)
    return name


def load_network_file(folder: Path, state: int, arch: str) -> nn.Module:
    """The network at the end of a state, in eval mode on the CPU; of a user's own the trial's `arch` alone."""
    return load(fetched(folder / state_file(state)), own_code=arch)


def save_predictions(folder: Path, state: int, test: Evaluation) -> None:
    """The predicted and the true class of every test image, in the split's order."""
    save_tensors(folder / predictions_file(state), {"predictions": test.predictions, "labels": test.labels})


def save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    with atomic.replace_via(path) as temporary:
        write_tensors(temporary, {name: tensor.contiguous() for name, tensor in tensors.items()})


def load_rewind_point(folder: Path) -> dict[str, Tensor] | None:
    """What later states of a trial return to; None where it is not there, or cannot be read."""
    try:
        return load_tensors(folder / REWIND_FILE)
    except (SafetensorError, FileNotFoundError):
        return None


def load_tensors(path: Path) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = load_file(path)
    return tensors
