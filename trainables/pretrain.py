"""Pretraining: a dense network from random weights on one data set, ending in a weights file that says how it was made.

Checkpoints after every epoch; a run that was cut off goes on with the same numbers, as every epoch seeds itself.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import nn

from models import atomic
from models.errors import UserError, WorkFailed
from models.networks.native import random_state
from models.networks.registry import build, resolve_spec
from models.spec import ModelSpec
from models.weights.digest import file_digest
from models.weights.provenance import record_state, write_weights_file
from models.weights.registered import registered_line
from models.weights.repository import DIGESTS, committed_digests, repository_folder
from trainables.config.origins import splits_line
from trainables.config.pretrain import PretrainConfig
from trainables.config.train import TrainConfig
from trainables.data import Data, load_data
from trainables.data.augmentation.mixing import make_mix
from trainables.files.changed_keys import at_most, changed_keys
from trainables.files.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from trainables.files.environment import environment
from trainables.seeds import derive, seed_everything
from trainables.training.epoch import Diverged, Evaluation, evaluate, evaluate_as_exported, train_epoch
from trainables.training.graphs import graphs_for
from trainables.training.learning_rate import learning_rates
from trainables.training.optimizers import build_optimizer, load_state_by_name, state_by_name
from trainables.training.precision import loss_scaler, resolve_device, resolve_precision
from trainables.training.step import Eagerly, Engine
from trainables.training.step_graph import StepGraph

EVALUATION_BATCH = 256


@dataclass(frozen=True)
class PretrainResult:
    """`history` has a line for each epoch: epoch, train_loss, train_accuracy, val_loss, val_accuracy, lr."""

    path: Path
    sha256: str
    val_accuracy: float
    test_accuracy: float | None
    """None where there is no test split."""
    history: tuple[dict[str, Any], ...]


def pretrain(
    config: PretrainConfig,
    folder: Path,
    on_epoch: Callable[[dict[str, Any]], None] = lambda line: None,
    tell: Callable[[str], None] = lambda line: None,
) -> PretrainResult:
    """Train to the end, starting or going on in `folder`, and write the weights file. `tell` gets a line for people on the
    data's splits, and one for whatever is odd about them.

    Where the file lies in the repository's own `weights/`, its digest is listed there, which makes it proven.

    Raises:
        UserError: the data cannot be had, or `folder` holds another pretraining.
        WorkFailed: the loss diverged.
    """
    device = resolve_device(config.train.device)
    torch.set_num_threads(config.train.threads)
    data = load_data(config.data, device)
    info, model_config = data.info, config.model
    spec = resolve_spec(
        model_config.arch,
        info.num_classes,
        info.image_size,
        info.in_chans,
        patch_size=model_config.patch_size,
        args=model_config.args,
    )
    engine = _engine(config, spec, data, device)
    identity = {"config": config.model_dump(mode="json"), "data": data.digest}
    history = _go_on(engine, folder, identity)
    tell(f"data {splits_line(data.info.name, data.sizes, data.splits)}")
    for warning in data.warnings():
        tell(f"warning: {warning}")
    rates = learning_rates(config.train.schedule, config.train.lr, config.epochs * _steps(config, data))
    while len(history) < config.epochs:
        line = _epoch(engine, config, data, rates, len(history))
        history.append(line)
        _tell_of_graph(engine, tell)
        meta = {**identity, "history": history, "scaler": engine.scaler.state_dict()}
        save_checkpoint(
            folder, Checkpoint(meta, _state(engine.model), state_by_name(engine.model, engine.optimizer), {})
        )
        on_epoch(line)
    result = _finish(engine, config, spec, data, history)
    tell(registered_line(result.path))
    return result


def _engine(config: PretrainConfig, spec: ModelSpec, data: Data, device: torch.device) -> Engine:
    model = build(spec)
    model.load_state_dict(random_state(spec, derive(config.seed, "initial weights")), strict=True)
    model.to(device)
    augment = config.data.augment
    precision = resolve_precision(config.train.precision, device)
    graphs = graphs_for([config.train], device, precision)
    graph = None if graphs is None else graphs.of_state(config.train)
    return Engine(
        model=model,
        optimizer=build_optimizer(model, config.train, None if graph is None else device),
        scaler=loss_scaler(precision, device),
        config=config.train,
        precision=precision,
        device=device,
        mix=make_mix(augment.mixup, augment.cutmix, data.info.num_classes),
        stepper=Eagerly() if graph is None else graph,
    )


def _go_on(engine: Engine, folder: Path, identity: dict[str, Any]) -> list[dict[str, Any]]:
    """Load the folder's checkpoint, if there is one, and return the epochs done."""
    checkpoint = load_checkpoint(folder).checkpoint
    if checkpoint is None:
        return []
    before = {key: checkpoint.meta[key] for key in identity}
    with suppress(ValidationError):
        # A key that came later is not there: its default is what the version of that time did.
        train = TrainConfig.model_validate(before["config"]["train"]).model_dump(mode="json")
        before["config"] = {**before["config"], "train": train}
    changes = changed_keys(before, identity)
    if changes:
        raise UserError(
            f"{folder}: holds another pretraining: {' '.join(at_most(changes, 1))}; choose another name or --storage, "
            "or remove it"
        )
    engine.model.load_state_dict(checkpoint.model, strict=True)
    load_state_by_name(engine.model, engine.optimizer, checkpoint.optimizer)
    if engine.scaler.is_enabled() and checkpoint.meta.get("scaler"):
        engine.scaler.load_state_dict(checkpoint.meta["scaler"])
    return list(checkpoint.meta["history"])


def _epoch(engine: Engine, config: PretrainConfig, data: Data, rates: tuple[float, ...], done: int) -> dict[str, Any]:
    seed = derive(config.seed, "epoch", done)
    seed_everything(seed)
    steps = _steps(config, data)
    try:
        result = train_epoch(engine, data.train_batches(config.train.batch_size, seed), rates, done * steps)
    except Diverged as error:
        raise WorkFailed(f"pretraining {config.name} diverged ({error}); lower it", key="train.lr") from error
    val = _validation(engine, data, ended=done + 1 == config.epochs)
    return {
        "epoch": done + 1,
        "train_loss": result.loss,
        "train_accuracy": result.accuracy,
        "val_loss": val.loss,
        "val_accuracy": val.accuracy,
        "lr": rates[(done + 1) * steps - 1],
    }


def _tell_of_graph(engine: Engine, tell: Callable[[str], None]) -> None:
    if isinstance(engine.stepper, StepGraph):
        told = engine.stepper.told()
        for text in (*told.notes, *(f"warning: {warning}" for warning in told.warnings)):
            tell(text)


def _validation(engine: Engine, data: Data, *, ended: bool) -> Evaluation:
    """After the last epoch, that of the float32 network that the weights file will hold."""
    batches = data.eval_batches("val", EVALUATION_BATCH)
    if ended:
        return evaluate_as_exported(engine.model, batches, engine.device)
    return evaluate(engine.model, batches, engine.precision, engine.device)


def _steps(config: PretrainConfig, data: Data) -> int:
    return data.steps_per_epoch(config.train.batch_size)


def _state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}


def _finish(
    engine: Engine, config: PretrainConfig, spec: ModelSpec, data: Data, history: list[dict[str, Any]]
) -> PretrainResult:
    test_accuracy = None
    if data.sizes["test"]:
        batches = data.eval_batches("test", EVALUATION_BATCH)
        test_accuracy = evaluate_as_exported(engine.model, batches, engine.device).accuracy
    data.close()
    state = _state(engine.model)
    # Where files lie on this machine is nobody else's business.
    recipe = config.model_dump(mode="json", exclude={"output": True, "data": {"root"}})
    made = {
        "config": recipe,
        "data": {"name": data.info.name, "digest": data.digest, "sizes": dict(data.sizes), "splits": dict(data.splits)},
        "val_accuracy": history[-1]["val_accuracy"],
        "test_accuracy": test_accuracy,
        "environment": environment(engine.device, engine.precision, config.train.threads),
    }
    provenance = record_state(
        state,
        spec,
        origin=f"pretrain:{config.name}",
        default_how="trained",
        mean=data.mean,
        std=data.std,
        extra={"pretrain": made},
    )
    path = write_weights_file(config.output, state, provenance)
    digest = file_digest(path)
    if path.resolve().parent == repository_folder().resolve():
        atomic.write_json(path.parent / DIGESTS, dict(sorted({**committed_digests(), path.name: digest}.items())))
    return PretrainResult(path, digest, history[-1]["val_accuracy"], test_accuracy, tuple(history))
