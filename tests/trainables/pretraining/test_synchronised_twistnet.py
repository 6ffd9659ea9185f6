"""TwistNet-18's steps in two processes are those of one, to float64's error: its BatchNorms, gates, norms and clipping too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, nn
from torch import multiprocessing as processes
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from models.networks.registry import build, resolve_spec
from tests.trainables.pretraining.several import free_port
from trainables.data.shares import Share
from trainables.pretraining.synchronised import synchronised

SIDE, STEPS = 32, 3


def network() -> nn.Module:
    torch.manual_seed(1)
    return build(resolve_spec("twistnet18", 10, SIDE, 3)).double().train()


def batch(images: int) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(0)
    pixels = torch.randn(images, 3, SIDE, SIDE, generator=chance, dtype=torch.float64)
    return pixels, torch.randint(0, 10, (images,), generator=chance)


def train(own: nn.Module, model: nn.Module, pixels: Tensor, labels: Tensor, weight: float) -> dict[str, Tensor]:
    optimizer = torch.optim.SGD(own.parameters(), lr=0.05, momentum=0.9)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (functional.cross_entropy(model(pixels), labels) * weight).backward()
        nn.utils.clip_grad_norm_(own.parameters(), 1.0)
        optimizer.step()
    return own.state_dict()


def one_of_two(rank: int, port: int, images: int, path: str) -> None:
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    own = synchronised(network(), torch.device("cpu"))
    pixels, labels = batch(images)
    share = Share(rank, 2)
    rows = share.rows(images)
    model = DistributedDataParallel(own, broadcast_buffers=False)
    state = train(own, model, pixels[rows], labels[rows], share.weight(len(rows), images))
    if rank == 0:
        torch.save(state, path)
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`broadcast_buffers` is deprecated:FutureWarning")
@pytest.mark.parametrize("images", [24, 25])
def test_two_processes_are_one_to_float64s_error(images: int, tmp_path: Path) -> None:
    own = network()
    expected = train(own, own, *batch(images), 1.0)
    processes.spawn(one_of_two, (free_port(), images, str(tmp_path / "state.pt")), nprocs=2)
    found = torch.load(tmp_path / "state.pt", weights_only=True)
    assert found.keys() == expected.keys()
    far = {name: float((found[name] - expected[name]).abs().max()) for name in expected}
    assert max(far.values()) < 1e-9, max(far, key=far.__getitem__)
