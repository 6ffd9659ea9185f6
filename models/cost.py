"""What a network costs: parameters, multiply-accumulates, and measured time."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.units.base import UnitGroup
from models.units.describe import describe

WARM_UP_BATCHES = 3
MEASURED_BATCHES = 15


def count_parameters(model: nn.Module) -> int:
    """All parameters, trainable or frozen; buffers do not count."""
    return sum(parameter.numel() for parameter in model.parameters())


def prunable_parameters(model: nn.Module, groups: Iterable[UnitGroup] | None = None) -> int:
    """Parameters that belong to some unit of `groups` (default: of all groups of `model` as it stands); each counts once."""
    tied: dict[str, dict[int, list[Tensor]]] = {}
    for group in describe(model) if groups is None else groups:
        for one in group.slices:
            if one.is_parameter:
                tied.setdefault(one.tensor, {}).setdefault(one.dim, []).append(one.index.flatten())
    return sum(_covered(parameter.shape, tied.get(name, {})) for name, parameter in model.named_parameters())


def _covered(shape: torch.Size, along: Mapping[int, Sequence[Tensor]]) -> int:
    """Elements of a tensor that lie, along some dimension, at one of the indices given for it."""
    free = [
        size - len(torch.unique(torch.cat(list(along[dim])))) if dim in along else size
        for dim, size in enumerate(shape)
    ]
    return shape.numel() - math.prod(free)


def count_macs(model: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Multiply-accumulates of one image (channels, height, width) through the real network, in eval mode.

    Counted by torch's FlopCounterMode, halved: matrix products, convolutions and attention; not norms and activations.
    The mode of every module is restored.
    """
    image = _images(model, 1, input_shape)
    counter = FlopCounterMode(display=False)
    # With the math kernel, attention is two ordinary products on every device, so counts do not depend on kernels.
    with _evaluating(model), _frozen(model), torch.no_grad(), sdpa_kernel(SDPBackend.MATH), _layer_by_layer(), counter:
        model(image)
    return counter.get_total_flops() // 2


def measure_latency(
    model: nn.Module, input_shape: tuple[int, int, int], device: torch.device | str, batch: int
) -> float:
    """Median milliseconds of a forward pass of `batch` images on `device`, in eval mode, after a warm-up.

    On CPUs with one thread: several wait for each other on a busy machine, and were seen to cost hundreds of times more.

    The model is moved to `device` and stays there.
    """
    target = torch.device(device)
    model.to(target)
    images = _images(model, batch, input_shape)
    with _evaluating(model), one_thread(), torch.inference_mode():
        for _ in range(WARM_UP_BATCHES):
            model(images)
        times = [_seconds(model, images) for _ in range(MEASURED_BATCHES)]
    return statistics.median(times) * 1000.0


def _seconds(model: nn.Module, images: Tensor) -> float:
    _synchronise(images.device)
    start = time.perf_counter()
    model(images)
    _synchronise(images.device)
    return time.perf_counter() - start


def _synchronise(device: torch.device) -> None:
    """Wait for a device that works on its own; the CPU has nothing to wait for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _images(model: nn.Module, batch: int, input_shape: tuple[int, int, int]) -> Tensor:
    example = next(model.parameters())
    return torch.zeros((batch, *input_shape), device=example.device, dtype=example.dtype)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode inside, every module's own mode again outside."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in training.items():
            module.training = mode


@contextmanager
def _layer_by_layer() -> Iterator[None]:
    """Without torch's kernel for a whole transformer layer, in which nothing is counted."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """No parameter asks for gradients inside: the counter's hooks refuse views of one that does, such as the class token
    that PiT and CaiT hand from module to module."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)


@contextmanager
def one_thread() -> Iterator[None]:
    """One CPU thread inside, as many as before outside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
