"""Running a network over calibration images, looking at what its layers take in, and leaving it as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

Catch = Callable[[str, Tensor], Tensor | None]


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """The model in eval mode with gradients on for every parameter; modes and flags come back afterwards.

    Eval mode keeps dropout and depth out of the scores, batch statistics unchanged and samples apart from each other.
    """
    modes = [(module, module.training) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        model.eval()
        for parameter, _ in flags:
            parameter.requires_grad_(True)
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


@contextmanager
def caught(modules: Mapping[str, nn.Module], catch: Catch) -> Iterator[None]:
    """While open, every forward pass of one of these modules hands `catch` its name here and its input.

    What `catch` gives back, if it is not None, goes on in the input's place.
    """
    handles = [module.register_forward_pre_hook(_hook(name, catch)) for name, module in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(name: str, catch: Catch) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...] | None]:
    def hook(module: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        changed = catch(name, args[0])
        return None if changed is None else (changed, *args[1:])

    return hook


def on_device_of(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    device = next(model.parameters()).device
    return images.to(device), labels.to(device)
