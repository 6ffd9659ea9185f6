"""What a pretraining trains: the network, its moving average, and the engine that takes its steps in all processes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from models.errors import UserError
from models.networks.native import random_state
from models.networks.registry import build
from models.spec import ModelSpec
from trainables.config.pretrain import PretrainConfig
from trainables.data import Data
from trainables.data.augmentation.mixing import make_mix
from trainables.data.shares import SMALLEST
from trainables.pretraining.processes import Processes
from trainables.pretraining.steps import Shared
from trainables.pretraining.synchronised import Apart, synchronised
from trainables.seeds import derive
from trainables.training.graphs import graphs_for
from trainables.training.optimizers import build_optimizer
from trainables.training.precision import loss_scaler, resolve_precision
from trainables.training.step import Eagerly, Engine, Stepper


@dataclass
class Trained:
    """`network` is the network itself; the engine's model may be what spreads it over several processes."""

    network: nn.Module
    ema: ModelEmaV3 | None
    engine: Engine

    @property
    def kept(self) -> nn.Module:
        """What is validated and finished with."""
        average: nn.Module | None = None if self.ema is None else self.ema.module
        return self.network if average is None else average

    def as_first(self, processes: Processes) -> None:
        """Give every process the running statistics of the first, which are the ones that are kept."""
        if not processes.are_several:
            return
        for model in (self.network, self.kept):
            buffers = dict(model.named_buffers())
            with torch.no_grad():
                for name, told in processes.tensors_from_first(buffers).items():
                    buffers[name].copy_(told)


def new_network(config: PretrainConfig, spec: ModelSpec, device: torch.device) -> nn.Module:
    """From the seed alone."""
    model = build(spec)
    model.load_state_dict(random_state(spec, derive(config.seed, "initial weights")), strict=True)
    return model.to(device)


def trained(
    config: PretrainConfig, network: nn.Module, data: Data, device: torch.device, processes: Processes
) -> Trained:
    """UserError where the processes are too many for the batch, or the GPU's steps are to be recorded in several."""
    precision = resolve_precision(config.train.precision, device)
    _check_several(config, processes)
    ema = None if config.ema_decay is None else ModelEmaV3(network, decay=config.ema_decay)
    graphs = None if processes.are_several else graphs_for([config.train], device, precision)
    graph = None if graphs is None else graphs.of_state(config.train)
    if config.sync_batch_norm and processes.are_several:
        network = synchronised(network, device)
    augment = config.data.augment
    engine = Engine(
        model=network,
        optimizer=build_optimizer(network, config.train, None if graph is None else device),
        scaler=loss_scaler(precision, device),
        config=config.train,
        precision=precision,
        device=device,
        mix=make_mix(augment.mixup, augment.cutmix, data.info.num_classes),
        stepper=Eagerly() if graph is None else graph,
    )
    return Trained(network, ema, engine)


def spread(trained: Trained, config: PretrainConfig, data: Data, processes: Processes) -> None:
    """Have the engine train in all processes, once the network and its optimiser hold what they go on from."""
    share, device = processes.share, trained.engine.device
    if share is None:
        return
    # torch would have `broadcast_buffers` said in another word, which its earlier versions do not know; and tells of strides of
    # gradients, which cost nothing to speak of.
    warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides", UserWarning)
    trained.engine.model = DistributedDataParallel(
        trained.network,
        device_ids=[device.index] if device.type == "cuda" else None,
        # Each process has running statistics of its own; `as_first` says whose count.
        broadcast_buffers=False,
    )
    batch, images = config.train.batch_size, data.sizes["train"]
    steps = data.steps_per_epoch(batch)
    stepper: Stepper = Shared(
        processes, share, lambda step: min(batch, images - step % steps * batch), Apart(trained.network)
    )
    trained.engine.stepper = stepper


def state_of(model: nn.Module) -> dict[str, Tensor]:
    """A copy on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}


def _check_several(config: PretrainConfig, processes: Processes) -> None:
    if not processes.are_several:
        return
    smallest = SMALLEST * processes.count
    if config.train.batch_size < smallest:
        raise UserError(
            f"found {config.train.batch_size}, the total over {processes.count} processes; expected at least {smallest}, "
            "or fewer processes",
            key="train.batch_size",
        )
    if config.train.graph == "always":
        raise UserError(
            f"found always, but {processes.count} processes train together, whose steps are not recorded; use auto, or one "
            "process",
            key="train.graph",
        )
