"""Optimisers, and their state by parameter name, so that it can be stored and follow a network that is cut."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainables.config.train import TrainConfig

StateByName = dict[str, dict[str, Tensor]]


def build_optimizer(
    model: nn.Module, config: TrainConfig, rate_on: torch.device | None = None
) -> torch.optim.Optimizer:
    """SGD or AdamW, fused; norms, biases and what the network exempts (class token, positions) are not decayed.

    With `rate_on` the learning rate lies on that device, where a captured step reads it.
    """
    exempt: set[str] = set(model.no_weight_decay()) if hasattr(model, "no_weight_decay") else set()  # type: ignore[operator]  # timm's method
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (free if parameter.ndim < 2 or name in exempt else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": free, "weight_decay": 0.0}]
    rate = config.lr if rate_on is None else torch.tensor(config.lr, dtype=torch.float32, device=rate_on)
    if config.optimizer == "adamw":
        adamw = torch.optim.AdamW(groups, lr=rate, betas=config.betas, fused=True, capturable=rate_on is not None)
        # It would warn once of every step that is taken without being captured, as the first ones of each network are.
        adamw._warned_capturable_if_run_uncaptured = True
        return adamw
    sgd = torch.optim.SGD(groups, lr=rate, momentum=config.momentum, nesterov=config.momentum > 0, fused=True)
    # A loss scaler would leave it to the kernel to skip a step whose gradients overflow. AdamW's does; SGD's, where that is the
    # first step, leaves the momentum as uninitialised memory. With this the scaler does not take the step at all.
    sgd._step_supports_amp_scaling = False
    return sgd


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    if rate_device(optimizer) is not None:
        optimizer.param_groups[0]["lr"].fill_(rate)  # all groups share it
        return
    for group in optimizer.param_groups:
        group["lr"] = rate


def rate_device(optimizer: torch.optim.Optimizer) -> torch.device | None:
    """Where the learning rate lies, if it lies on a device; as `build_optimizer` was told."""
    rate = optimizer.param_groups[0]["lr"]
    return rate.device if isinstance(rate, Tensor) else None


def state_by_name(model: nn.Module, optimizer: torch.optim.Optimizer) -> StateByName:
    """The optimiser's tensors of each parameter that has any; other kinds of state would be lost, so they raise."""
    states: StateByName = {}
    for name, parameter in model.named_parameters():
        entries = {key: value for key, value in optimizer.state.get(parameter, {}).items() if value is not None}
        if not all(isinstance(value, Tensor) for value in entries.values()):
            raise TypeError(f"optimiser state of {name} is not all tensors: {sorted(entries)}")
        if entries:
            states[name] = entries
    return states


def load_state_by_name(
    model: nn.Module, optimizer: torch.optim.Optimizer, states: Mapping[str, Mapping[str, Tensor]]
) -> None:
    """Give a fresh optimiser copies of the state of each parameter, on the parameter's device."""
    parameters = dict(model.named_parameters())
    for name, entries in states.items():
        parameter = parameters[name]
        optimizer.state[parameter] = {key: _like(parameter, value) for key, value in entries.items()}


def _like(parameter: nn.Parameter, value: Tensor) -> Tensor:
    """Laid out in memory as the parameter is: fused kernels go through both by address, and on a CPU without a check."""
    if value.shape != parameter.shape:
        return value.to(parameter.device, copy=True)
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)
