"""Criteria that judge a unit by the layers that read it: their scale, what never reaches them, and units without any."""

from __future__ import annotations

import pytest
import torch

from models.errors import UserError
from models.networks.registry import build, resolve_spec
from models.units.base import TiedSlice, UnitGroup
from models.units.describe import describe
from pruning.importance import score
from tests.pruning.importance.cases import convolutions, scored, tokens


@pytest.mark.parametrize("name", ["obs", "reconstruction", "wanda"])
def test_layers_of_one_scale_or_of_another_score_alike(name: str) -> None:
    """Shares of the output's variation: ten times the weights of a reader change nothing; wanda's grow."""
    model, groups, data = tokens()
    before = scored(name, model, groups, data)
    with torch.no_grad():
        model.mlp[1].fc2.weight *= 10.0
    factor = 10.0 if name == "wanda" else 1.0
    torch.testing.assert_close(scored(name, model, groups, data)["mlp.1"], factor * before["mlp.1"], rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["obs", "reconstruction"])
def test_one_image_and_dead_units_still_give_an_order(name: str) -> None:
    for case in (tokens, convolutions):
        model, groups, data = case()
        with torch.no_grad():
            for tied in groups[1].slices:
                if tied.dim == 0 and tied.is_parameter:
                    model.get_parameter(tied.tensor)[tied.index[0]] = 0.0
        everything = scored(name, model, groups, data)[groups[1].name]
        assert int(everything.argmin()) == 0
        found = scored(name, model, groups, [(images[:1], labels[:1]) for images, labels in data[:1]])
        for group in groups:
            assert bool(found[group.name].isfinite().all())
            assert len(set(found[group.name].tolist())) > 1


@pytest.mark.parametrize("name", ["obs", "reconstruction"])
def test_where_nothing_reaches_the_layer_nothing_is_lost(name: str) -> None:
    model, groups, data = tokens()
    with torch.no_grad():
        for parameter in model.mlp[0].fc1.parameters():
            parameter.zero_()
    found = scored(name, model, groups, data)["mlp.0"]
    assert float(found.max()) < 1e-300
    if name == "reconstruction":
        assert found.argsort(descending=True).tolist() == list(range(10)), "of equal units the earlier stays"


@pytest.mark.parametrize("name", ["obs", "reconstruction"])
def test_neither_is_anything_where_what_reaches_it_is_always_the_same(name: str) -> None:
    """The bias gives that too. All rows equal but for rounding: the variance is what is left of large sums."""
    model, groups, data = tokens()
    same = [(torch.full((count, 5, 3), 0.3), torch.zeros(count, dtype=torch.int64)) for count in (7, 4)]
    assert float(scored(name, model, groups, same)["mlp.0"].max()) < 1e-300
    assert float(scored(name, model, groups, data)["mlp.0"].max()) > 1e-3


@pytest.mark.parametrize("name", ["obs", "reconstruction", "wanda"])
def test_a_network_that_has_diverged_scores_no_number(name: str) -> None:
    model, groups, data = tokens()
    with torch.no_grad():
        model.mlp[0].fc1.bias[3] = torch.nan
    assert not bool(scored(name, model, groups, data)["mlp.0"].isfinite().all())


@pytest.mark.parametrize("name", ["obs", "reconstruction", "wanda"])
def test_units_that_no_layer_reads_are_named(name: str) -> None:
    model, groups, data = tokens()
    alone = UnitGroup("made", "neuron", 10, (TiedSlice("mlp.0.fc1.weight", 0, torch.arange(10)[:, None]),), "mlp.0.fc2")
    with pytest.raises(UserError, match="made has none; choose one that looks at weights or gradients"):
        scored(name, model, (*groups, alone), data)


@pytest.mark.parametrize("name", ["obs", "reconstruction", "wanda"])
def test_a_group_without_units_has_no_scores(name: str) -> None:
    model, groups, data = tokens()
    none = UnitGroup(
        "none", "neuron", 0, (TiedSlice("mlp.0.fc2.weight", 1, torch.zeros(0, 1, dtype=torch.int64)),), "mlp.0.fc2"
    )
    assert scored(name, model, (*groups, none), data)["none"].shape == (0,)


@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("name", ["obs", "wanda"])
def test_every_layer_that_reads_a_twisted_map_counts(name: str) -> None:
    torch.manual_seed(0)
    model = build(resolve_spec("twistnet18", 4, 16, 3)).eval()
    group = next(one for one in describe(model) if sum(tied.dim == 1 for tied in one.slices) > 1)
    images, labels = torch.randn(4, 3, 16, 16), torch.zeros(4, dtype=torch.int64)
    parts = [
        UnitGroup(group.name, group.kind, group.count, (tied,), group.activation)
        for tied in group.slices
        if tied.dim == 1
    ]
    whole = score(name, model, [group], batches=[(images, labels)])[group.name]
    alone = [score(name, model, [part], batches=[(images, labels)])[group.name] for part in parts]
    expected = sum(alone) / (len(alone) if name == "obs" else 1)
    torch.testing.assert_close(whole, expected, rtol=1e-6, atol=1e-12)
