"""Whether weights of one network are weights of another one of its architecture, whatever else its arguments say."""

from __future__ import annotations

from models.errors import UserError
from models.networks.native import outline
from models.networks.variants import own_args
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
