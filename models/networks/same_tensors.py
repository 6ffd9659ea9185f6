"""Whether weights of one network are weights of another one of its architecture, whatever else its arguments say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.errors import UserError
from models.networks.native import outline
from models.networks.variants import PLAIN, VARIANTS, is_looked_up, known_as, own_args, resolve_name
from models.spec import ModelSpec


def have_same_tensors(one: ModelSpec, other: ModelSpec) -> bool:
    """Whether both are of one architecture and have tensors of the same names and shapes: drop rates, for one, are not in a
    file of weights. Of one that cannot be built nothing is known here, and whoever builds it is told why."""
    if one.arch != other.arch:
        return False
    if own_args(one) == own_args(other):
        return True
    try:
        return _shapes(one) == _shapes(other)
    except UserError:
        return False


def _shapes(spec: ModelSpec) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in outline(spec).state_dict().items()}


def looked_up_name(arch: str, args: Mapping[str, Any] | None) -> str:
    """What a user would type for the network with these tensors, where its weights are looked for by a name; else for itself.
    Arguments that change no tensor, such as drop rates, do not matter."""
    name = known_as(arch, args)
    if is_looked_up(name):
        return name
    asked = _as_spec(arch, args)
    return next((one for one in (*PLAIN, *VARIANTS) if have_same_tensors(_as_spec(one, {}), asked)), name)


def _as_spec(arch: str, args: Mapping[str, Any] | None) -> ModelSpec:
    resolved, given = resolve_name(arch, args)
    return ModelSpec(resolved, 1000, 224, 3, None, given)
