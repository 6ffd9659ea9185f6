"""BatchNorm over several processes on CPUs, against torch's own over the images of all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from models.networks.registry import resolve_spec
from tests.trainables.pretraining.cases import small
from trainables.data import load_data
from trainables.pretraining import synchronised
from trainables.pretraining.folder import Standing
from trainables.pretraining.processes import Processes
from trainables.pretraining.trained import new_network, trained
from trainables.pretraining.words import beginning

CPU = torch.device("cpu")


@pytest.fixture
def twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes with the same images."""
    monkeypatch.setattr(synchronised.dist, "get_world_size", lambda group: 2)
    monkeypatch.setattr(synchronised.dist, "all_reduce", lambda values, group: values.mul_(2))


@pytest.mark.usefixtures("twice")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_it_is_torchs_own_over_all_images_in_each_type(dtype: torch.dtype) -> None:
    """With a mean far from zero, and more values than float16 can add up."""
    generator = torch.Generator().manual_seed(0)
    images = (torch.randn(8, 3, 16, 16, generator=generator) + 30).to(dtype)
    own, expected = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    if dtype is torch.float64:
        own, expected = own.double(), expected.double()
    synchronised.synchronised(own, CPU)
    found = own(images)
    wanted = expected(torch.cat([images, images]))[:8]
    assert found.dtype == wanted.dtype == dtype
    assert torch.isfinite(found).all()
    step = torch.finfo(dtype).eps * 8
    assert torch.allclose(found.double(), wanted.double(), atol=max(step, 1e-5), rtol=step)
    assert own.running_mean is not None
    assert own.running_var is not None
    assert torch.allclose(own.running_mean, expected.running_mean, rtol=1e-5)  # type: ignore[arg-type]  # it has one
    assert torch.allclose(own.running_var, expected.running_var, rtol=1e-4)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arch", "synchronises", "told"),
    [
        ("vit_micro", True, None),
        ("timm:resnet10t", True, "by the images of all processes"),
        ("timm:resnet10t", False, "by each process's own images"),
    ],
)
def test_what_is_told_of_batch_norm_is_of_networks_that_have_one(
    arch: str, synchronises: bool, told: str | None, tmp_path: Path
) -> None:
    config = small(tmp_path, model={"arch": arch}, sync_batch_norm=synchronises)
    data, processes = load_data(config.data, CPU), Processes(0, 2)
    made = trained(config, new_network(config, resolve_spec(arch, 10, 8, 1), CPU), data, CPU, processes)
    said = [line for line in beginning(config, made, processes, Standing()) if "BatchNorm" in line]
    assert len(said) == (0 if told is None else 1)
    assert told is None or told in said[0]
