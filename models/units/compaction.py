"""Removal of units: physical, exact, and the same for a live network, a state dict and an optimiser's moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from models.units.across.registry import after_cut_across
from models.units.base import UnitGroup, dense_structure
from models.units.describe import describe, family_of
from models.units.empty_layers import swap_if_empty
from models.units.families.grouped import declare_groups
from models.units.norms import NORMS
from models.units.own import own_after_cut
from models.units.structure import Structure
from models.units.traced.plan import count_own_heads

Positions = Mapping[str, Sequence[int]]


def remove(model: nn.Module, structure: Structure, drop: Mapping[str, Iterable[int]]) -> Structure:
    """Cut the units in `drop` out of `model`, in place.

    Args:
        model: a network that has the units of `structure`. Its cut parameters become new `nn.Parameter`s without
            gradients, so an optimiser over the old ones has to be built anew.
        structure: what `model` has now.
        drop: group name → *original* indices of the units to remove; groups not named stay.

    Returns:
        The structure after removal.

    Raises:
        ValueError: `structure` is not that of `model`, or a unit to drop is not there.
    """
    groups = describe(model, structure.kinds)
    _check_counts(groups, structure)
    after = structure.without(with_what_they_hold(groups, structure, drop))
    keep_only(model, groups, kept_positions(structure, after))
    return after


def compact(model: nn.Module, structure: Structure) -> None:
    """Cut a *dense* network down to `structure`, in place. Groups that `structure` does not name stay whole: it may be of a
    version that could not cut blocks of their family.

    Raises:
        ValueError: the network lacks a group that `structure` starts from, or has it with another kind or unit count; or
            `structure` keeps units within one that it has not.
    """
    groups = describe(model, structure.kinds)
    dense = dense_structure(groups)
    _check_same_network(dense, structure)
    keep_only(model, groups, kept_positions(dense, _with_what_ends(groups, dense, structure)))


def with_what_they_hold(
    groups: Sequence[UnitGroup], structure: Structure, drop: Mapping[str, Iterable[int]]
) -> dict[str, tuple[int, ...]]:
    """`drop` and, of every group that ends with it, all units that are left; original indices. `structure` is that of
    `groups`."""
    wanted = {name: tuple(units) for name, units in drop.items()}
    ended = [
        name
        for group in groups
        if group.holds and group.name in wanted
        for name in group.held_by(_places(structure.kept(group.name), wanted[group.name]))
    ]
    wanted |= {name: structure.kept(name) for name in ended if name in structure.groups}
    for group in groups:
        around = group.ends_with
        if around is not None and around in wanted and set(wanted[around]) == set(structure.kept(around)):
            wanted[group.name] = structure.kept(group.name)
    return wanted


def _places(there: Sequence[int], units: Iterable[int]) -> list[int]:
    """Where these units stand among those that are there; nothing of one that is not."""
    gone = set(units)
    return [position for position, unit in enumerate(there) if unit in gone]


def kept_positions(before: Structure, after: Structure) -> dict[str, tuple[int, ...]]:
    """Group name → positions, in a network of structure `before`, of the units that `after` still has."""
    return positions_of(before, {name: group.kept for name, group in after.groups.items()})


def positions_of(structure: Structure, units: Mapping[str, Iterable[int]]) -> dict[str, tuple[int, ...]]:
    """Translate original indices into sorted positions in a network of `structure`; ValueError for one not there."""
    positions: dict[str, tuple[int, ...]] = {}
    for name, originals in units.items():
        place = {unit: position for position, unit in enumerate(structure.kept(name))}
        missing = [unit for unit in originals if unit not in place]
        if missing:
            raise ValueError(f"{name}: units {missing} are not in the network")
        positions[name] = tuple(sorted(place[unit] for unit in originals))
    return positions


def slice_state(
    state: Mapping[str, Tensor], groups_dense: Iterable[UnitGroup], structure: Structure
) -> dict[str, Tensor]:
    """The compact network's state dict out of the dense one's; every tensor is a copy of its own."""
    groups = tuple(groups_dense)
    dense = dense_structure(groups)
    _check_same_network(dense, structure)
    sliced = {name: tensor.detach().clone() for name, tensor in state.items()}
    for tensor_name, dim, gone in _cuts(groups, kept_positions(dense, structure)):
        sliced[tensor_name] = _without(sliced[tensor_name], dim, gone)
    return sliced


def slice_optimizer_state(
    state_by_name: Mapping[str, Mapping[str, Tensor]],
    groups_before: Iterable[UnitGroup],
    positions_kept: Positions,
) -> dict[str, dict[str, Tensor]]:
    """Cut an optimiser's per-parameter tensors as the parameters themselves are cut.

    Args:
        state_by_name: parameter name → its state, e.g. {"exp_avg": …, "exp_avg_sq": …, "step": …}. Scalars are
            passed on as they are; any other tensor must have the shape its parameter had before removal.
        groups_before: the network's groups before removal.
        positions_kept: group name → sorted positions kept (`kept_positions`); groups not named stay.

    Returns:
        The same keys, sliced; every tensor is a copy.
    """
    result = {
        name: {key: value.detach().clone() for key, value in entry.items()} for name, entry in state_by_name.items()
    }
    for tensor_name, dim, gone in _cuts(groups_before, positions_kept):
        entry = result.get(tensor_name, {})
        for key, value in entry.items():
            if value.ndim > 0:
                entry[key] = _without(value, dim, gone)
    return result


def kept_outputs(model: nn.Module, groups: Iterable[UnitGroup], positions_kept: Positions) -> dict[str, Tensor]:
    """Name of a tensor of `model` → the indices along its dimension 0 that stay, for those that lose some."""
    tensors = model.state_dict(keep_vars=True)
    return {name: _kept(len(tensors[name]), gone) for name, dim, gone in _cuts(groups, positions_kept) if dim == 0}


def keep_only(model: nn.Module, groups: Sequence[UnitGroup], positions_kept: Positions) -> None:
    """Cut `model`, which `groups` describe, down to these positions, in place; groups not named stay."""
    touched: dict[str, nn.Module] = {}
    for tensor_name, dim, gone in _cuts(groups, positions_kept):
        module_name, _, key = tensor_name.rpartition(".")
        module = model.get_submodule(module_name)
        touched[module_name] = module
        _replace(module, key, dim, gone)
    for module in touched.values():
        _declare_sizes(module)
    after_cut_across(model, {group.name: len(positions_kept.get(group.name, range(group.count))) for group in groups})
    for name in dict.fromkeys(around for inner in touched for around in _and_around(inner)):
        block = model.get_submodule(name)
        family = family_of(block)
        if family is not None:
            family.after_cut(block)
        count_own_heads(block)
    own_after_cut(model)


def _and_around(name: str) -> Iterable[str]:
    """The module's name and those of the modules that it lies in, except for the network itself."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _cuts(groups: Iterable[UnitGroup], positions_kept: Positions) -> Iterable[tuple[str, int, Tensor]]:
    """(tensor name, dimension, indices along it that go) once for every tied tensor and dimension that loses some.

    An entry may belong to units of several groups, and goes with the first of them.
    """
    lost: dict[tuple[str, int], list[Tensor]] = {}
    for group in groups:
        kept = positions_kept.get(group.name)
        if kept is None or len(kept) == group.count:
            continue
        gone = sorted(set(range(group.count)) - set(kept))
        for tied in group.slices:
            lost.setdefault((tied.tensor, tied.dim), []).append(tied.of(gone))
    for (tensor, dim), indices in lost.items():
        if any(len(part) for part in indices):
            yield tensor, dim, torch.cat(indices)


def _replace(module: nn.Module, key: str, dim: int, gone: Tensor) -> None:
    old = getattr(module, key)
    if isinstance(old, nn.Parameter):
        setattr(module, key, nn.Parameter(_without(old.detach(), dim, gone), requires_grad=old.requires_grad))
    else:
        setattr(module, key, _without(old, dim, gone))


def _without(tensor: Tensor, dim: int, gone: Tensor) -> Tensor:
    return tensor.index_select(dim, _kept(tensor.shape[dim], gone).to(tensor.device)).contiguous()


def _kept(size: int, gone: Tensor) -> Tensor:
    """The other indices, in order: the three bands of a fused qkv stay in the order q, k, v."""
    stays = torch.ones(size, dtype=torch.bool)
    stays[gone] = False
    return stays.nonzero().flatten()


def _declare_sizes(module: nn.Module) -> None:
    """Bring a layer's declared sizes in line with the shape of its weight."""
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.Conv2d):
        declare_groups(module)
        module.out_channels, module.in_channels = len(module.weight), module.weight.shape[1] * module.groups
    elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        module.num_features = _batch_norm_size(module)
    elif isinstance(module, NORMS):
        module.normalized_shape = tuple(module.weight.shape)
    elif isinstance(module, nn.PReLU):
        module.num_parameters = len(module.weight)
    swap_if_empty(module)


def _batch_norm_size(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> int:
    sized = norm.running_mean if norm.running_mean is not None else norm.weight
    return norm.num_features if sized is None else len(sized)


def _check_counts(groups: Sequence[UnitGroup], structure: Structure) -> None:
    found = {group.name: group.count for group in groups if group.name in structure.groups}
    if found != structure.counts():
        raise ValueError(f"the network's groups are {found}, but the structure says {structure.counts()}")


def _with_what_ends(groups: Sequence[UnitGroup], dense: Structure, structure: Structure) -> Structure:
    """All groups of the dense network as `structure` has them; others are whole, unless they end with what is gone.

    ValueError where it names units that ended so.
    """
    gone = {name: sorted(set(dense.kept(name)) - set(group.kept)) for name, group in structure.groups.items()}
    after = dense.without(with_what_they_hold(groups, dense, gone))
    for name, group in structure.groups.items():
        if left := len(group.kept) - len(after.kept(name)):
            raise ValueError(f"{name} keeps {left} units within others that the structure has not")
    return after


def _check_same_network(dense: Structure, structure: Structure) -> None:
    named = structure.groups
    expected = {name: (group.kind, group.total) for name, group in dense.groups.items() if name in named}
    found = {name: (group.kind, group.total) for name, group in structure.groups.items()}
    if expected == found:
        return
    differing = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    name = differing[0]
    raise ValueError(
        f"the structure belongs to another network: group {name} is {found.get(name, 'absent')} in it, "
        f"{expected.get(name, 'absent')} in the network ({len(differing)} groups differ)"
    )
