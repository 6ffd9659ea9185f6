"""What a pretraining begins with in each process: its device, the data, the network, and who judges it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from models.errors import UserError
from models.spec import ModelSpec
from trainables.config.pretrain import PretrainConfig
from trainables.data import Data, check_every_image, fetch_data, load_data
from trainables.data.network_spec import network_spec
from trainables.pretraining.judging import Judge
from trainables.pretraining.processes import Processes
from trainables.pretraining.trained import Trained, new_network, trained
from trainables.states.feasible import check_single_images


@dataclass(frozen=True)
class Loaded:
    device: torch.device
    data: Data
    spec: ModelSpec
    trained: Trained
    judge: Judge


def loaded(config: PretrainConfig, processes: Processes, leaves: Callable[[], bool]) -> Loaded:
    """All of it; the first process looks for the data first, and may have to download them, or to look at every image.

    Raises UserError, and KeyboardInterrupt where it `leaves` meanwhile.
    """
    device = processes.together(lambda: processes.device(config.train.device))
    torch.set_num_threads(config.train.threads)
    processes.first_does(lambda: _sought(config), leaves)
    # Another machine has another disk, on which all this is to be done too.
    data = processes.patiently(lambda: load_data(config.data, device), leaves)
    digest = processes.from_first(data.digest)
    processes.together(lambda: _check_alike(data, digest, processes))
    spec = processes.together(lambda: network_spec(config.model, data.info))
    built = processes.together(lambda: trained(config, new_network(config, spec, device), data, device, processes))
    processes.together(lambda: _check_batch(config, spec, built))
    return Loaded(device, data, spec, built, Judge(data, device, built.engine.precision, processes))


def _sought(config: PretrainConfig) -> None:
    fetch_data(config.data)
    check_every_image(config.data)


def _check_batch(config: PretrainConfig, spec: ModelSpec, built: Trained) -> None:
    if config.train.batch_size == 1:
        check_single_images(config.data.augment, "data.augment", built.network, spec.arch, "train.batch_size")


def _check_alike(data: Data, digest: str, processes: Processes) -> None:
    if digest != data.digest:
        raise UserError(
            f"process {processes.rank} finds other images than the first one; give all machines the same files",
            key="data.root",
        )
