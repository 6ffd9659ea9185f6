"""Through which calls units pass one by one: along which dimension they lie in what a call gives, or why they end there.

Whatever is not named here mixes units, as far as we know. Units lie side by side along one dimension, as many features of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from timm.layers.drop import DropPath
from torch import fx, nn

from models.units.traced.graph import Shape

CHANNELS = 1
"""The dimension of channels in a map (images, channels, height, width)."""
PIXELWISE: frozenset[type[nn.Module]] = frozenset(
    {nn.Identity, nn.Dropout, nn.Dropout2d, nn.AlphaDropout, DropPath}
    | {nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Softsign}
    | {nn.Sigmoid, nn.Tanh, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.LogSigmoid, nn.Threshold}
)
POOLING: frozenset[type[nn.Module]] = frozenset(
    {nn.MaxPool2d, nn.AvgPool2d, nn.LPPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d}
    | {nn.Upsample, nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d}
)
PIXELWISE_CALLS = frozenset(
    {
        "relu",
        "relu6",
        "leaky_relu",
        "elu",
        "selu",
        "celu",
        "gelu",
        "silu",
        "mish",
        "softplus",
        "softsign",
        "sigmoid",
        "tanh",
    }
    | {
        "hardswish",
        "hardsigmoid",
        "hardtanh",
        "logsigmoid",
        "threshold",
        "clamp",
        "clip",
        "abs",
        "exp",
        "sqrt",
        "square",
    }
    | {"neg", "pos", "dropout", "dropout2d", "alpha_dropout", "contiguous", "clone", "float", "double", "to"}
)
ARITHMETIC = frozenset(
    {"add", "iadd", "sub", "isub", "rsub", "mul", "imul", "truediv", "itruediv", "div", "pow", "ipow", "expand_as"}
)
PRODUCTS = frozenset({"mul", "imul", "expand_as"})
POOLING_CALLS = frozenset(
    {"max_pool2d", "avg_pool2d", "lp_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "interpolate", "pad"}
)
MEANS = frozenset({"mean", "sum", "amax", "amin"})
QUESTIONS = frozenset({"size", "dim", "getattr", "ndimension"})
"""What asks a tensor for its sizes, its type or its device."""
TORCHS = ("torch", "_operator", "builtins")
Passed = int | str


def call_name(node: fx.Node) -> str:
    """`relu` for `torch.relu`, `F.relu`, `x.relu()` and `x.relu_()`; a dotted name for a function that is not torch's."""
    target: Any = node.target
    if isinstance(target, str):
        return target.rstrip("_")
    name, home = str(getattr(target, "__name__", target)), getattr(target, "__module__", None)
    return name.rstrip("_") if home is None or home.partition(".")[0] in TORCHS else f"{home}.{name}"


def through_module(layer: nn.Module, dim: int, before: Shape, after: Shape | None) -> Passed:
    """Through a layer without tensors of its own for each unit."""
    if type(layer) in PIXELWISE or (type(layer) is nn.PReLU and layer.num_parameters == 1):
        return dim
    if type(layer) in POOLING:
        return _within_maps(type(layer).__name__, dim, before, after)
    if type(layer) is nn.Flatten:
        return flattened(dim, len(before), layer.start_dim, layer.end_dim)
    return f"go through a {type(layer).__name__}"


def through_call(node: fx.Node, name: str, dim: int, before: Shape, after: Shape | None) -> Passed:
    """Through a function or a tensor's method with one tensor of units."""
    if name in PIXELWISE_CALLS:
        return dim
    if name in POOLING_CALLS:
        return _within_maps(name, dim, before, after)
    rule = RULES.get("mean" if name in MEANS else name)
    found = None if rule is None or after is None else rule(node, dim, before, after)
    return f"go through {name}" if found is None else found


def flattened(dim: int, size: int, start: int, end: int) -> Passed:
    """Where units lie side by side still only if theirs is the first of the dimensions that become one."""
    first, last = start % size, end % size
    if first < dim <= last:
        return "are flattened behind other dimensions"
    return dim if dim <= first else dim - (last - first)


def _within_maps(name: str, dim: int, before: Shape, after: Shape | None) -> Passed:
    maps = dim == CHANNELS and len(before) == 4 and after is not None and len(after) == 4
    return dim if maps and after is not None and after[CHANNELS] == before[CHANNELS] else f"go through {name}"


def argument(node: fx.Node, place: int, *names: str, default: Any = None) -> Any:
    """An argument behind the tensor itself, by its place or one of its names."""
    named = (node.kwargs[name] for name in names if name in node.kwargs)
    return node.args[place] if len(node.args) > place else next(named, default)


def _mean(node: fx.Node, dim: int, before: Shape, after: Shape) -> Passed | None:
    over = argument(node, 1, "dim", "axis")
    axes = [over] if isinstance(over, int) else over
    if not isinstance(axes, list | tuple) or not all(isinstance(axis, int) for axis in axes):
        return None
    gone = {axis % len(before) for axis in axes}
    if dim in gone:
        return None
    return dim if len(after) == len(before) else dim - sum(axis < dim for axis in gone)


def _flatten(node: fx.Node, dim: int, before: Shape, after: Shape) -> Passed | None:
    start, end = argument(node, 1, "start_dim", default=0), argument(node, 2, "end_dim", default=-1)
    return flattened(dim, len(before), start, end) if isinstance(start, int) and isinstance(end, int) else None


def _view(node: fx.Node, dim: int, before: Shape, after: Shape) -> Passed | None:
    """`x.view(x.size(0), -1)` and `x.view(batch, channels, -1)`: what is a number there cannot follow when units go."""
    sizes = node.args[1:] if len(node.args) != 2 else node.args[1]
    if dim != CHANNELS or not isinstance(sizes, list | tuple) or len(sizes) != len(after) or after[0] != before[0]:
        return None
    if len(after) == 2 and sizes[1] == -1:
        return 1
    return 1 if isinstance(sizes[1], fx.Node) and after[1] == before[1] else None


def _permute(node: fx.Node, dim: int, before: Shape, after: Shape) -> Passed | None:
    order = node.args[1] if len(node.args) == 2 else node.args[1:]
    if not isinstance(order, list | tuple) or not all(isinstance(axis, int) for axis in order):
        return None
    return [int(axis) % len(before) for axis in order].index(dim)


def _transpose(node: fx.Node, dim: int, before: Shape, after: Shape) -> Passed | None:
    one, other = argument(node, 1, "dim0"), argument(node, 2, "dim1")
    if not isinstance(one, int) or not isinstance(other, int):
        return None
    one, other = one % len(before), other % len(before)
    return {one: other, other: one}.get(dim, dim)


def _squeeze(node: fx.Node, dim: int, before: Shape, after: Shape) -> Passed | None:
    axis = argument(node, 1, "dim")
    if not isinstance(axis, int) or axis % len(before) == dim:
        return None
    return dim if len(after) == len(before) else dim - (axis % len(before) < dim)


def _unsqueeze(node: fx.Node, dim: int, before: Shape, after: Shape) -> Passed | None:
    axis = argument(node, 1, "dim")
    return dim + (axis % len(after) <= dim) if isinstance(axis, int) else None


RULES: dict[str, Callable[[fx.Node, int, Shape, Shape], Passed | None]] = {
    "mean": _mean, "flatten": _flatten, "view": _view, "reshape": _view, "permute": _permute, "transpose": _transpose,
    "squeeze": _squeeze, "unsqueeze": _unsqueeze,
}  # fmt: skip
