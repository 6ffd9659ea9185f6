"""Criteria that judge a unit by the layer that reads it, or by the other units, against formulas written out."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, nn

from models.errors import UserError
from models.networks.registry import build, resolve_spec
from models.units.base import TiedSlice, UnitGroup
from models.units.describe import describe
from pruning.importance import downdates, score
from pruning.importance.downdates import Downdated
from pruning.importance.reconstruction import in_order_of_removal
from pruning.importance.solved_again import RIDGE
from tests.models.networks import NETWORKS, images_for, spec_of, trained_looking
from tests.pruning.test_importance import Case, convolutions, full_loss, scored, tokens

CASES = pytest.mark.parametrize("case", [tokens, convolutions])


def reading(model: nn.Module, group: UnitGroup, data: list) -> tuple[Tensor, Tensor, list[list[int]], bool]:
    """What the layer that reads a group takes in, (rows, inputs), its weight (outputs, inputs), each unit's inputs, and whether
    it has a bias; patches by indexing."""
    layer, caught = model.get_submodule(group.activation), list[Tensor]()
    handle = layer.register_forward_pre_hook(lambda module, args: caught.append(args[0]))
    with torch.no_grad():
        model.eval()(torch.cat([x for x, _ in data]))
    handle.remove()
    value = caught[0].double()
    weight = layer.weight.detach().double()
    if isinstance(layer, nn.Linear):
        rows, each = value.flatten(0, 1), value.shape[-1] // group.count
    else:
        rows, each = patches(value, layer), weight[0, 0].numel()
    inputs = [list(range(unit * each, (unit + 1) * each)) for unit in range(group.count)]
    return rows, weight.flatten(1), inputs, layer.bias is not None


def patches(value: Tensor, layer: nn.Conv2d) -> Tensor:
    side, around = layer.kernel_size[0], layer.padding[0]
    padded = nn.functional.pad(value, (around,) * 4)
    places = [(i, j) for i in range(padded.shape[2] - side + 1) for j in range(padded.shape[3] - side + 1)]
    cut = [padded[:, :, i : i + side, j : j + side].flatten(1) for i, j in places]
    return torch.stack(cut, dim=1).flatten(0, 1)


def error_without(gone: Iterable[int], rows: Tensor, weight: Tensor, has_bias: bool) -> float:
    """min Σ‖W x - W' x - b‖² + ridge ‖W' - W‖² over W' that is zero at `gone`, as a share of how much the output varies.

    The moves are solved for as one stacked least-squares problem: the columns that go are a given move.
    """
    centre = rows.mean(0) if has_bias else torch.zeros_like(rows[0])
    ridge = RIDGE * (rows - centre).square().sum(0).mean()
    seen = torch.cat([rows - centre, ridge.sqrt() * torch.eye(rows.shape[1], dtype=rows.dtype)])
    lost = sorted(gone)
    kept = [column for column in range(rows.shape[1]) if column not in lost]
    target = seen[:, lost] @ weight[:, lost].T
    left = target
    if kept:
        left = target - seen[:, kept] @ torch.linalg.lstsq(seen[:, kept], target, driver="gelsd").solution
    return float(left.square().sum() / ((rows - centre) @ weight.T).square().sum())


def by_brute_force(rows: Tensor, weight: Tensor, inputs: list[list[int]], has_bias: bool) -> list[float]:
    """Each unit's score: at every step all that are left are tried, each time solving again from the start."""
    gone: list[int] = []
    scores = [0.0] * len(inputs)
    left = list(range(len(inputs)))
    while left:
        errors = {unit: error_without([*gone, *inputs[unit]], rows, weight, has_bias) for unit in left}
        unit = min(left, key=lambda one: errors[one])
        scores[unit] = errors[unit]
        gone += inputs[unit]
        left.remove(unit)
    return scores


@CASES
def test_wanda_is_the_inputs_norm_times_the_norm_of_its_column_summed_over_the_units_inputs(
    case: Callable[[], Case],
) -> None:
    model, groups, data = case()
    found = scored("wanda", model, groups, data)
    for group in groups:
        rows, weight, inputs, _ = reading(model, group, data)
        expected = [
            sum(float(rows[:, j].square().mean().sqrt() * weight[:, j].square().sum().sqrt()) for j in unit)
            for unit in inputs
        ]
        assert found[group.name].tolist() == pytest.approx(expected, rel=1e-5)


@CASES
def test_taylor_group_squares_the_whole_units_sum(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    found = scored("taylor_group", model, groups, data)
    full_loss(model.eval(), data).backward()
    for group in groups:
        for unit in range(group.count):
            change = 0.0
            for tied in group.slices:
                if tied.is_parameter:
                    parameter = model.get_parameter(tied.tensor)
                    product = (parameter.detach() * parameter.grad).double()
                    change += sum(float(product.select(tied.dim, index).sum()) for index in tied.index[unit].tolist())
            assert float(found[group.name][unit]) == pytest.approx(change**2, rel=1e-2, abs=1e-9)


@CASES
def test_fpgm_sums_the_distances_to_all_other_units(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    found = scored("fpgm", model, groups, data)
    for group in groups:
        vectors = [
            [
                value
                for tied in group.slices
                if tied.is_parameter
                for index in tied.index[unit].tolist()
                for value in model.get_parameter(tied.tensor).detach().select(tied.dim, index).flatten().tolist()
            ]
            for unit in range(group.count)
        ]
        expected = [
            sum(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 for other in vectors)
            for one in vectors
        ]
        assert found[group.name].tolist() == pytest.approx(expected, rel=1e-6)


@CASES
def test_obs_is_the_error_of_the_layer_solved_again_without_the_unit(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    found = scored("obs", model, groups, data)
    for group in groups:
        rows, weight, inputs, has_bias = reading(model, group, data)
        expected = [error_without(unit, rows, weight, has_bias) for unit in inputs]
        assert found[group.name].tolist() == pytest.approx(expected, rel=1e-4)


def test_obs_of_single_inputs_is_the_square_of_the_weight_over_the_inverse_hessians_diagonal() -> None:
    model, groups, data = tokens()
    rows, weight, _, _ = reading(model, groups[1], data)
    centred = rows - rows.mean(0)
    gram = centred.T @ centred
    inverse = torch.linalg.inv(gram + RIDGE * gram.diagonal().mean() * torch.eye(len(gram)))
    varies = (centred @ weight.T).square().sum()
    expected = weight.square().sum(0) / inverse.diagonal() / varies
    torch.testing.assert_close(scored("obs", model, groups, data)["mlp.0"], expected, rtol=1e-5, atol=0)


@CASES
def test_reconstruction_is_greedy_with_the_layer_solved_again_for_every_candidate(case: Callable[[], Case]) -> None:
    model, groups, data = case()
    found = scored("reconstruction", model, groups, data)
    for group in groups:
        expected = by_brute_force(*reading(model, group, data))
        assert found[group.name].tolist() == pytest.approx(expected, rel=1e-4)
        assert len(set(found[group.name].tolist())) == group.count


def made(units: int, each: int, outputs: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Weights and H of one layer whose inputs go together."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(4 * units * each, units * each, generator=generator, dtype=torch.float64)
    rows = rows @ torch.randn(units * each, units * each, generator=generator, dtype=torch.float64)
    hessian = rows.T @ rows
    ridge = RIDGE * hessian.diagonal().mean() * torch.eye(len(hessian))
    return torch.randn(outputs, units * each, generator=generator, dtype=torch.float64), hessian + ridge


@pytest.mark.parametrize(("units", "each"), [(40, 1), (20, 9), (3, 21)])
def test_over_many_removals_the_downdates_are_what_solving_again_gives(
    monkeypatch: pytest.MonkeyPatch, units: int, each: int
) -> None:
    monkeypatch.setattr(downdates, "PENDING", 16)
    weights, hessian = made(units, each)
    layer = Downdated(weights, torch.linalg.inv(hessian), units)
    gone: list[int] = []
    lost = 0.0
    for unit in torch.randperm(units, generator=torch.Generator().manual_seed(1)).tolist():
        foreseen = float(layer.costs()[unit])
        added = layer.remove(unit)
        assert added == pytest.approx(foreseen, rel=1e-6)
        lost += added
        gone += range(unit * each, (unit + 1) * each)
        through = weights[:, gone] @ torch.linalg.inv(torch.linalg.inv(hessian)[gone][:, gone]) @ weights[:, gone].T
        assert lost == pytest.approx(float(through.trace()), rel=1e-6)
        assert bool(layer.costs()[unit].isinf())


def test_two_layers_that_read_a_group_are_weighed_together() -> None:
    (first, hessian), (second, other) = made(6, 1), made(6, 4, seed=1)
    pair = [Downdated(first, torch.linalg.inv(hessian), 6), Downdated(second, torch.linalg.inv(other), 6)]
    order = in_order_of_removal(pair, 6).argsort().tolist()
    alone, expected = [(first, hessian, 1), (second, other, 4)], list[int]()
    while len(expected) < 6:
        errors = {}
        for unit in set(range(6)) - set(expected):
            errors[unit] = 0.0
            for weights, full, each in alone:
                at = [one * each + place for one in [*expected, unit] for place in range(each)]
                block = torch.linalg.inv(torch.linalg.inv(full)[at][:, at])
                errors[unit] += float((weights[:, at] @ block @ weights[:, at].T).trace())
        expected.append(min(errors, key=lambda one: errors[one]))
    assert order == expected


def test_of_twins_one_goes_first_and_the_other_is_then_the_dearest() -> None:
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(400, 8, generator=generator, dtype=torch.float64)
    rows[:, 5] = rows[:, 2]
    inverse = torch.linalg.inv(rows.T @ rows + 1e-6 * torch.eye(8))
    weights = torch.ones(4, 8, dtype=torch.float64)
    by_itself = Downdated(weights, inverse, 8).costs()
    assert float(by_itself[[2, 5]].max()) < 1e-4 * float(by_itself.median()), "each is to be had for nothing"
    order = in_order_of_removal([Downdated(weights, inverse, 8)], 8).argsort().tolist()
    assert {order[0], order[-1]} == {2, 5}


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


WIDE = ("resnet18", "resnet18_avg_down", "resnet50", "seresnet50", "twistnet18", "twistnet18_first_order")


@pytest.mark.parametrize(
    "arch", [pytest.param(arch, marks=pytest.mark.slow) if arch in WIDE else arch for arch in NETWORKS]
)
@pytest.mark.parametrize("name", ["wanda", "fpgm", "taylor_group", "obs", "reconstruction"])
def test_every_family_is_scored(arch: str, name: str) -> None:
    spec = spec_of(arch)
    model = trained_looking(spec)
    groups = describe(model)
    batches = [(images_for(spec), torch.arange(4))]
    found = score(name, model, groups, batches=batches, loss=nn.functional.cross_entropy)
    for group in groups:
        values = found[group.name]
        assert values.shape == (group.count,)
        assert bool(values.isfinite().all())
        assert bool((values >= 0).all())
        assert group.count == 1 or float(values.max()) > 0
