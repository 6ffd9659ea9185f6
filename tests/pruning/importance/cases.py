"""A network of tokens and one of convolutions with their data, and their scores by a criterion's name."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.units.base import UnitGroup
from pruning.imp_mask import global_masks, weight_totals
from pruning.importance import score
from tests.pruning.nets import conv_net, token_net

Case = tuple[nn.Module, tuple[UnitGroup, ...], list[tuple[Tensor, Tensor]]]


def tokens() -> Case:
    generator = torch.Generator().manual_seed(1)
    sizes = (7, 4)
    data = [(torch.randn(n, 5, 3, generator=generator), torch.randint(4, (n,), generator=generator)) for n in sizes]
    return (*token_net(), data)


def convolutions() -> Case:
    generator = torch.Generator().manual_seed(2)
    data = [(torch.randn(n, 3, 6, 6, generator=generator), torch.randint(4, (n,), generator=generator)) for n in (6, 3)]
    model, groups = conv_net()
    for norm in (model.bn1, model.bn2):
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    return model, groups, data


CASES = pytest.mark.parametrize("case", [tokens, convolutions])


def scored(name: str, model: nn.Module, groups: tuple[UnitGroup, ...], data: list) -> dict[str, Tensor]:
    totals = weight_totals(model, groups)
    masks = global_masks(model, groups, dict.fromkeys(totals, 0.5), totals)
    generator = torch.Generator().manual_seed(5)
    return score(name, model, groups, batches=data, loss=functional.cross_entropy, generator=generator, masks=masks)


def full_loss(model: nn.Module, data: list) -> Tensor:
    images, labels = torch.cat([x for x, _ in data]), torch.cat([y for _, y in data])
    return functional.cross_entropy(model(images), labels)
