"""BatchNorm over the images of all processes. torch's own does that on GPUs alone; on CPUs the same is done here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from timm.layers.norm_act import BatchNormAct2d, convert_sync_batchnorm
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm


class OnCpus(_BatchNorm):
    """Mean and variance over all processes, however many images each of them has."""

    process_group: Any = None
    """Those to normalise with; None: all."""

    def forward(self, input: Tensor) -> Tensor:
        group = self.process_group or dist.group.WORLD
        if not self.training or dist.get_world_size(group) == 1:
            return super().forward(input)
        around = [dim for dim in range(input.dim()) if dim != 1]
        count = torch.tensor([float(input.numel() // input.shape[1])])
        # As torch's own: in autocast's types sums would lose most digits, or overflow.
        wide = input.to(torch.promote_types(input.dtype, torch.float32))
        # Two passes: the square of the mean taken from the mean of squares would lose half of the digits.
        summed = _over_all(torch.cat([wide.sum(around), count.to(wide.dtype)]), group)
        values = summed[-1].detach()
        mean = summed[:-1] / values
        centred = wide - _per_channel(mean, wide)
        variance = _over_all(centred.square().sum(around), group) / values
        self._follow(mean.detach(), variance.detach() * values / (values - 1))
        normal = centred * _per_channel((variance + self.eps).rsqrt(), wide)
        if self.affine:
            normal = normal * _per_channel(self.weight, wide) + _per_channel(self.bias, wide)
        return normal.to(input.dtype)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)

    def _check_input_dim(self, input: Tensor) -> None:
        """What the layer was before took the same inputs."""


class OnCpusAct(OnCpus):
    """timm's BatchNorm that an activation belongs to."""

    def forward(self, input: Tensor) -> Tensor:
        after: tuple[nn.Module, ...] = (self.drop, self.act)  # type: ignore[assignment]  # timm's are modules
        output = super().forward(input)
        for module in after:
            output = module(output)
        return output


class _Summed(torch.autograd.Function):
    """The sum over the processes of a group. As each of them goes on with it, the gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, group: Any) -> Tensor:
        ctx.group = group
        summed = values.clone()
        dist.all_reduce(summed, group=group)
        return summed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        summed = gradients[0].clone()
        dist.all_reduce(summed, group=ctx.group)
        return summed, None


def _over_all(values: Tensor, group: Any) -> Tensor:
    summed: Tensor = _Summed.apply(values, group)
    return summed


def _per_channel(values: Tensor, like: Tensor) -> Tensor:
    return values.view(1, -1, *[1] * (like.dim() - 2))


def synchronised(model: nn.Module, device: torch.device) -> nn.Module:
    """The network with every BatchNorm over all processes; its tensors and their names stay."""
    if device.type != "cpu":
        converted: nn.Module = convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]  # timm's
        return converted
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            # The layer's tensors and settings are all that the other class needs.
            module.__class__ = OnCpusAct if isinstance(module, BatchNormAct2d) else OnCpus
    return model


class Apart:
    """Lets a network's synchronised BatchNorms take this process's batch alone for a while."""

    def __init__(self, model: nn.Module) -> None:
        self._modules = [module for module in model.modules() if isinstance(module, nn.SyncBatchNorm | OnCpus)]
        self._alone: Any = dist.new_subgroups(group_size=1)[0] if self._modules else None

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Within the block; for a batch that every process has as a whole."""
        for module in self._modules:
            module.process_group = self._alone
        try:
            yield
        finally:
            for module in self._modules:
                module.process_group = None
