"""Repair on networks: exact where it must be, never worse on average, and the same however often it is done."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from models.errors import UserError
from models.units.base import UnitGroup
from models.units.compaction import keep_only
from pruning.repair import Compensation, Repaired, repair
from pruning.repair.batch_norm import retake_statistics
from pruning.repair.moments import Moments
from pruning.repair.ridge import solve
from tests.pruning.nets import Mlp, Net, conv_net, token_net

Net_ = tuple[nn.Module, tuple[UnitGroup, ...]]
BOTH = pytest.mark.parametrize("how", ["mean", "least_squares"])


def tokens(count: int = 40, seed: int = 1) -> Tensor:
    return torch.randn(count, 5, 3, generator=torch.Generator().manual_seed(seed))


def images(count: int = 40, side: int = 6, seed: int = 1) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


def every_other(groups: tuple[UnitGroup, ...]) -> dict[str, tuple[int, ...]]:
    return {group.name: tuple(range(0, group.count, 2)) for group in groups}


def answers(model: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return model.eval()(inputs)


def cut(net: nn.Module, groups: tuple[UnitGroup, ...], gone: dict[str, tuple[int, ...]]) -> nn.Module:
    """Take these positions out; the network as it was."""
    before = deepcopy(net)
    keep_only(
        net, groups, {one.name: [u for u in range(one.count) if u not in gone.get(one.name, ())] for one in groups}
    )
    return before


def cut_and_repaired(
    net: nn.Module, groups: tuple[UnitGroup, ...], gone: dict[str, tuple[int, ...]], given: Tensor, how: Compensation
) -> dict[str, Repaired]:
    return repair(net, cut(net, groups, gone), groups, gone, given, how)


def with_twins() -> tuple[Net, tuple[UnitGroup, ...], dict[str, tuple[int, ...]]]:
    """In every group the last unit makes what the first makes; the twin is to go."""
    net, groups = token_net()
    state = net.state_dict()
    for group in groups:
        for tied in group.slices:
            if tied.dim == 0:
                state[tied.tensor][tied.index[-1]] = state[tied.tensor][tied.index[0]]
    net.load_state_dict(state)
    return net, groups, {group.name: (group.count - 1,) for group in groups}


def test_units_whose_inputs_are_linear_in_the_kept_ones_go_without_a_trace() -> None:
    net, groups, gone = with_twins()
    before = answers(net, tokens(seed=2))
    found = cut_and_repaired(net, groups, gone, tokens(200), "least_squares")
    torch.testing.assert_close(answers(net, tokens(seed=2)), before, rtol=1e-3, atol=1e-4)
    assert all(one.error_removed > 0.05 and one.error_repaired < 1e-3 for one in found.values())


def test_so_do_channels_of_a_convolution_that_reads_patches() -> None:
    net, groups = conv_net()
    state = net.state_dict()
    for group in groups:
        for tied in group.slices:
            if tied.dim == 0:
                state[tied.tensor][-1] = state[tied.tensor][0]
    net.load_state_dict(state)
    before = answers(net, images(seed=2))
    cut_and_repaired(net, groups, {group.name: (group.count - 1,) for group in groups}, images(200), "least_squares")
    torch.testing.assert_close(answers(net, images(seed=2)), before, rtol=1e-3, atol=1e-4)


@BOTH
def test_with_nothing_dropped_nothing_changes(how: Compensation) -> None:
    net, groups = token_net()
    before = deepcopy(net.state_dict())
    assert cut_and_repaired(net, groups, {"mlp.0": ()}, tokens(), how) == {}
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@BOTH
def test_twice_the_same_is_the_same_to_the_last_bit_and_the_network_is_left_as_it_was_otherwise(
    how: Compensation,
) -> None:
    results = []
    for _ in range(2):
        net, groups = token_net()
        net.train()
        was = cut(net, groups, every_other(groups))
        before = deepcopy(net.state_dict())
        told = repair(net, was, groups, every_other(groups), tokens(), how)
        assert net.training
        changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
        assert changed <= {f"{name}.{part}" for name in told for part in ("weight", "bias")}
        results.append((told, deepcopy(net.state_dict())))
    assert results[0][0] == results[1][0]
    assert all(torch.equal(value, results[1][1][name]) for name, value in results[0][1].items())


def test_a_later_layer_is_solved_on_what_the_repaired_ones_hand_it_towards_what_it_gave_before() -> None:
    net, groups = token_net()
    before = deepcopy(net)
    told = cut_and_repaired(net, groups, every_other(groups), tokens(), "least_squares")
    now, then = (seen_by(one, "mlp.1.fc2") for one in (net, before))
    gave = then @ before.mlp[1].fc2.weight.detach().double().T + before.mlp[1].fc2.bias.detach().double()
    kept = [unit for unit in range(10) if unit % 2]
    found = solve(Moments.of(now, gave - now @ old_weights(before)[:, kept].T), told["mlp.1.fc2"].strength, True)
    torch.testing.assert_close(old_weights(net), old_weights(before)[:, kept] + found.change, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(net.mlp[1].fc2.bias.detach().double(), found.shift, rtol=1e-4, atol=1e-5)


def old_weights(net: Net) -> Tensor:
    return net.mlp[1].fc2.weight.detach().double()


def seen_by(net: Net, name: str) -> Tensor:
    caught: list[Tensor] = []
    handle = net.get_submodule(name).register_forward_pre_hook(lambda module, args: caught.append(args[0]))
    answers(net, tokens())
    handle.remove()
    return caught[0].flatten(0, 1).double()


def test_fewer_images_than_inputs_and_images_all_alike_give_an_answer_no_worse_than_none() -> None:
    for given in (tokens(4), tokens(1).repeat(8, 1, 1)):
        net, groups = token_net()
        told = cut_and_repaired(net, groups, every_other(groups), given, "least_squares")
        assert all(value.isfinite().all() for value in net.state_dict().values())
        assert all(one.error_repaired <= one.error_removed * 1.5 + 1e-6 for one in told.values())


def test_an_output_that_does_not_vary_over_what_is_held_out_has_no_error_to_tell() -> None:
    net, groups = token_net()
    one_image = tokens(1)[:, :1].repeat(8, 1, 1)
    told = cut_and_repaired(net, groups, every_other(groups), one_image, "least_squares")
    assert {one.error_repaired for one in told.values()} == {None}


def test_too_few_images_to_hold_one_out_are_named() -> None:
    net, groups = token_net()
    with pytest.raises(UserError, match=r"found 3 images in all; raise prune\.calibration_images"):
        cut_and_repaired(net, groups, every_other(groups), tokens(3), "least_squares")


def test_a_layer_that_reads_twice_is_not_repaired_for_one_of_its_inputs() -> None:
    class Twice(Net):
        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x)
            mlp = self.mlp[0]
            assert isinstance(mlp, Mlp)
            return self.head(mlp(mlp(x)).mean(dim=1))

    net, groups = Twice(), token_net()[1]
    with pytest.raises(RuntimeError, match=r"mlp\.0\.fc2 reads twice"):
        cut_and_repaired(net, groups, {"mlp.0": (0,)}, tokens(), "least_squares")


def test_statistics_are_those_of_the_images_and_all_else_stays() -> None:
    net, _ = conv_net()
    net.train()
    before = deepcopy(net.state_dict())
    momentum = net.bn1.momentum
    assert retake_statistics(net, images())
    with torch.no_grad():
        made = net.conv1(images())
    torch.testing.assert_close(net.bn1.running_mean, made.mean(dim=(0, 2, 3)))
    torch.testing.assert_close(net.bn1.running_var, made.var(dim=(0, 2, 3)))
    assert (net.training, net.bn1.training, net.bn1.momentum) == (True, True, momentum)
    changed = {
        name.rpartition(".")[2] for name, value in net.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"running_mean", "running_var", "num_batches_tracked"}
    assert not retake_statistics(token_net()[0], tokens())
