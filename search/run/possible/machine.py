"""More than this machine has, or a GPU that a trial is not given."""

from __future__ import annotations

import re

from models.errors import UserError
from search.run.possible.cluster_address import cluster_address
from search.study.arm import at_its_line
from search.study.corners import joint_corners
from search.study.study import Study
from trainables.config.train import TrainConfig


def check_machine(study: Study) -> None:
    """UserError, at its line, for what this machine can never give a trial. A cluster's size is not known from here."""
    resources = study.resources
    if cluster_address(resources) is not None:
        return
    import joblib
    import torch

    cpus, gpus, wanted = joblib.cpu_count(), torch.cuda.device_count(), resources.gpus_per_trial
    if resources.cpus_per_trial > cpus:
        raise study.sources.error(
            ("resources", "cpus_per_trial"),
            f": {resources.cpus_per_trial} CPUs are asked for a trial, but there are {cpus}; ask for at most {cpus}, or "
            "name a cluster (resources.address)",
        )
    if wanted != "auto" and wanted > gpus:
        raise study.sources.error(
            ("resources", "gpus_per_trial"),
            f": {wanted:g} GPUs are asked for a trial, but there are {gpus}; ask for fewer, write `auto`, or name "
            "a cluster (resources.address)",
        )
    check_devices(study, float(gpus > 0) if wanted == "auto" else wanted)


def check_devices(study: Study, gpus: float) -> None:
    """UserError, at its line, where an arm wants a GPU that its trials are not given; each sees `gpus` of them."""
    for arm in study.arms.values():
        for values in joint_corners(study, arm, ("train.device", "train.graph")):
            with at_its_line(arm, values):
                train = arm.config(values).train
                _check_device(train.device, gpus)
                _check_graph(train, gpus)


def _check_graph(train: TrainConfig, gpus: float) -> None:
    if train.graph == "always" and (gpus == 0 or train.device == "cpu"):
        raise UserError(
            "found always, but its trials train on a CPU, where there are no CUDA graphs; use auto, or give each trial a GPU",
            key="train.graph",
        )


def _check_device(device: str, gpus: float) -> None:
    if device in ("auto", "cpu"):
        return
    match = re.fullmatch(r"cuda(?::(\d+))?", device)
    if match is None:
        raise UserError(f"found {device!r}; expected auto, cpu, cuda or cuda:N", key="train.device")
    if gpus > 0 and int(match[1] or 0) < max(1, gpus):
        return
    seen = "no GPU" if gpus == 0 else "one GPU, cuda:0" if gpus <= 1 else f"{gpus:g} GPUs, from cuda:0 on"
    raise UserError(
        f"found {device}, but a trial sees {seen}; use auto or cpu, or see resources.gpus_per_trial and resources.address",
        key="train.device",
    )
