"""Which layers read a group's units, and their inputs as rows of what the layer's weight multiplies."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from models.units.compaction import keep_only
from models.units.describe import describe
from pruning.repair.readers import AT_A_TIME, Layer, readers_of
from tests.models.networks import spec_of, trained_looking


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(6, 4), (3, 5, 6)),
        (nn.Conv2d(6, 4, 1), (3, 6, 1, 1)),
        (nn.Conv2d(6, 4, 3, stride=2, padding=1, dilation=2), (3, 6, 9, 8)),
        (Conv2dSame(6, 4, 3, stride=2), (3, 6, 8, 9)),
        (Conv2dSame(6, 4, 5, stride=3), (3, 6, 7, 7)),
        (nn.Conv2d(6, 4, (4, 3), padding="same", dilation=2), (3, 6, 9, 8)),
        (nn.Conv2d(6, 4, 3, padding="valid", stride=2), (3, 6, 9, 8)),
        (nn.Conv2d(6, 4, 3, padding=(2, 1), padding_mode="reflect"), (3, 6, 9, 8)),
        (nn.Conv2d(6, 4, 3, padding="same", padding_mode="circular"), (3, 6, 9, 8)),
    ],
    ids=["linear", "pointwise", "patches", "same", "same and large", "torch's same", "valid", "reflect", "circular"],
)
def test_rows_times_the_matrix_are_what_the_layer_gives(layer: nn.Linear | nn.Conv2d, shape: tuple[int, ...]) -> None:
    layer.double()
    values = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    reading = Layer("layer", layer)
    assert layer.bias is not None
    given = torch.cat(list(reading.rows(values))) @ reading.matrix.T + layer.bias
    torch.testing.assert_close(given, channels_last(layer(values), layer).flatten(0, -2))


def channels_last(output: Tensor, layer: nn.Module) -> Tensor:
    return output.movedim(1, -1) if isinstance(layer, nn.Conv2d) else output


def test_so_many_rows_at_a_time() -> None:
    layer = nn.Conv2d(1, 1, 3, padding=1)
    parts = list(Layer("layer", layer).rows(torch.zeros(5, 1, 128, 128)))
    assert [len(part) for part in parts] == [AT_A_TIME] * 5


@pytest.mark.parametrize(
    ("name", "group", "readers"),
    [
        ("windows", "layers.0.blocks.0.attn", ["layers.0.blocks.0.attn.proj"]),
        ("windows_v2", "layers.0.blocks.0.attn", ["layers.0.blocks.0.attn.proj"]),
        ("beit", "blocks.0.attn", ["blocks.0.attn.proj"]),
        ("mobilenet", "blocks.3.0", ["blocks.3.0.se.conv_reduce", "blocks.3.0.conv_pwl"]),
        ("regnet", "s2.b1", ["s2.b1.se.fc1", "s2.b1.conv3.conv"]),
        ("resnext50", "layer1.0", ["layer1.0.conv3"]),
        ("coatnet", "stages.0.blocks.0", ["stages.0.blocks.0.se.fc1", "stages.0.blocks.0.conv3_1x1"]),
    ],
)
def test_no_table_and_no_convolution_within_groups_reads_units(name: str, group: str, readers: list[str]) -> None:
    model = trained_looking(spec_of(name))
    (described,) = (one for one in describe(model) if one.name == group)
    before, kept = deepcopy(model), range(1, described.count)
    keep_only(model, [described], {group: kept})
    found = readers_of(model, before, [described], {group: [0]})
    assert [reader.name for reader in found] == readers
    for reader in found:
        then, now = reader.before.matrix.shape[1], reader.now.matrix.shape[1]
        assert now * described.count == then * len(kept), "a whole unit's columns are gone"
        assert reader.outputs.tolist() == list(range(len(reader.now.matrix)))
