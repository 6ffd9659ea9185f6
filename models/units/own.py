"""What a user's own network says of its units itself, by a method `units()`; and what it does after they were cut."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn

from models.errors import UserError
from models.networks.own import own_network
from models.own_parts import users_error
from models.units.base import TiedSlice, UnitGroup
from models.units.structure import KINDS

EXPECTED = "a list of models.units.base.UnitGroup"


def says_units(model: nn.Module) -> bool:
    """Whether the network describes its groups itself."""
    return callable(getattr(type(model), "units", None))


def own_units(model: nn.Module) -> tuple[UnitGroup, ...]:
    """The groups of a network that says them, as it stands now. UserError where it fails to, where there are none, and where
    they do not fit its tensors."""
    name, groups = type(model).__name__, _said_by(model)
    if not groups:
        raise UserError(
            f"{name}.units() gave no groups: there is nothing to prune; name its units as docs/extending.md writes them, or "
            "leave the method out, and what can be cut is looked for",
            key="model.arch",
        )
    tensors, modules = model.state_dict(keep_vars=True), dict(model.named_modules())
    for position, group in enumerate(groups):
        if not isinstance(group, UnitGroup):
            raise _wrong(f"{name}.units() has {type(group).__name__} at place {position}")
        if group.kind not in KINDS:
            raise _wrong(
                f"group {group.name} of {name}.units() is of the kind {group.kind!r}; kinds are {', '.join(KINDS)}"
            )
        if group.activation is not None and group.activation not in modules:
            raise _wrong(
                f"group {group.name} of {name}.units() has the activation {group.activation}, which is no module"
            )
        for tied in group.slices:
            if tied.tensor not in tensors:
                raise _wrong(f"group {group.name} of {name}.units() names the tensor {tied.tensor}, which it has not")
            _check_index(name, group, tied, tuple(tensors[tied.tensor].shape))
    names = [group.name for group in groups]
    if len(set(names)) < len(names):
        raise _wrong(f"{name}.units() gives two groups one name ({', '.join(names)})")
    return groups


def _said_by(model: nn.Module) -> tuple[Any, ...]:
    name = type(model).__name__
    try:
        found = model.units()  # type: ignore[operator]  # `says_units`
        if isinstance(found, Iterable):
            return tuple(found)  # one that is made as it goes fails here
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{name}.units() failed: {users_error(error)}; correct it there",
            key="model.arch",
        ) from error
    raise _wrong(f"{name}.units() gave {type(found).__name__}")


def own_after_cut(model: nn.Module) -> None:
    """Let a user's own network bring what it declares, such as a number of heads, in line with what was cut."""
    if (says_units(model) or own_network(model) is not None) and callable(
        after_cut := getattr(model, "after_cut", None)
    ):
        after_cut()


def _check_index(name: str, group: UnitGroup, tied: TiedSlice, shape: tuple[int, ...]) -> None:
    where = f"group {group.name} of {name}.units(): {tied.tensor} of shape {shape}"
    if not 0 <= tied.dim < len(shape):
        raise _wrong(f"{where} has no dimension {tied.dim}")
    rows = 1 if tied.unit is not None else group.count
    if tied.index.ndim != 2 or len(tied.index) != rows:
        raise _wrong(f"{where} has an index of shape {tuple(tied.index.shape)} for {rows} units, one row for each")
    if tied.index.numel() and not 0 <= int(tied.index.min()) <= int(tied.index.max()) < shape[tied.dim]:
        raise _wrong(f"{where} is named up to index {int(tied.index.max())} along dimension {tied.dim}")


def _wrong(found: str) -> UserError:
    return UserError(f"{found}; expected {EXPECTED}, as docs/extending.md writes them", key="model.arch")
