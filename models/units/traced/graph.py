"""The forward pass of a user's own network as a graph of calls, with the shape of everything in it."""

from __future__ import annotations

import inspect
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from models.own_parts import users_line
from models.units.describe import family_of

BATCH = 2
TAKEN = "has weights that the forward pass takes itself"
LEAVES = ("timm", "einops")
"""Packages whose modules are taken as they are, as torch's layers are."""
ANSWERS = 100
"""Conditions on sizes, at most."""
Shape = tuple[int, ...]


class Untraceable(Exception):
    """Why a forward pass could not be followed, in fx's words or those of what failed."""


class _AskedError(Exception):
    """The trace needs to know what this node of the graph so far is."""

    def __init__(self, graph: fx.Graph, node: fx.Node) -> None:
        super().__init__(f"more than {ANSWERS} conditions on sizes")
        self.graph, self.node = graph, node


class _Tracer(fx.Tracer):
    """Through a user's own modules, up to layers of torch, blocks of timm, and blocks of a family that we know."""

    def __init__(self, answers: Sequence[bool]) -> None:
        super().__init__(param_shapes_constant=True)
        self._answers = iter(answers)

    def to_bool(self, obj: fx.Proxy) -> bool:
        """What depends on sizes alone, such as `assert height == self.image_size`, is asked for; the rest is fx's to refuse."""
        if not _of_sizes(obj.node):
            return super().to_bool(obj)
        for answer in self._answers:
            return answer
        raise _AskedError(self.graph, obj.node)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = type(m).__module__.partition(".")[0] in LEAVES or family_of(m) is not None
        return known or super().is_leaf_module(m, module_qualified_name)


class _Shapes(fx.Interpreter):
    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.found: dict[fx.Node, Shape | None] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        self.found[n] = tuple(result.shape) if isinstance(result, Tensor) else None
        return result


@dataclass(frozen=True)
class Traced:
    """`shapes` are None of what is no tensor. `unfit` are layers, by name, that nothing may be cut in, and why."""

    modules: dict[str, nn.Module]
    graph: fx.Graph
    shapes: dict[fx.Node, Shape | None]
    unfit: dict[str, str]


def trace(model: nn.Module, input_shape: Shape) -> Traced:
    """The forward pass of `model` in the mode that it is in, for images of `input_shape` (channels, height, width).

    Raises:
        Untraceable: it depends on values, or on what fx does not know.
    """
    try:
        images = torch.randn(BATCH, *input_shape, dtype=next(model.parameters()).dtype)
        graph = _graph(model, images)
        shapes = _Shapes(fx.GraphModule(model, graph))
        with torch.no_grad():
            shapes.run(images)
    except Exception as error:  # of the user's own code, in whatever way it does not bear to be traced
        said = str(error).strip().splitlines() or ["no further words"]
        raise Untraceable(f"{users_line(error)}{type(error).__name__}: {said[0].strip()}") from error
    modules = dict(model.named_modules(remove_duplicate=False))
    return Traced(modules, graph, shapes.found, dict(_unfit(model, graph)))


def _graph(model: nn.Module, images: Tensor) -> fx.Graph:
    """Traced again for each condition on sizes, with its value for these images. Other arguments have their defaults."""
    further = list(inspect.signature(model.forward).parameters.values())[1:]
    given = {one.name: one.default for one in further if isinstance(one.default, bool | int | float | str | None)}
    answers: list[bool] = []
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # fx could not assert that other arguments have their defaults
                return _Tracer(answers).trace(model, concrete_args=given)
        except _AskedError as asked:
            if len(answers) == ANSWERS:
                raise
            asked.graph.output(asked.node)
            with torch.no_grad():
                answers.append(bool(fx.Interpreter(fx.GraphModule(model, asked.graph)).run(images)))


def _of_sizes(node: fx.Node) -> bool:
    """Whether its value follows from the sizes of tensors alone."""
    if node.op == "call_method" and node.target in ("size", "dim"):
        return True
    if node.op == "call_function" and node.target is getattr:
        return node.args[1] in ("shape", "ndim")
    return node.op == "call_function" and bool(node.all_input_nodes) and all(map(_of_sizes, node.all_input_nodes))


def _unfit(model: nn.Module, graph: fx.Graph) -> Iterator[tuple[str, str]]:
    calls = Counter(str(node.target) for node in graph.nodes if node.op == "call_module")
    calls = Counter({name: count for name, count in calls.items() if model.get_submodule(name).state_dict()})
    yield from ((name, "is called more than once") for name, count in calls.items() if count > 1)
    users = Counter(id(one) for module in dict.fromkeys(model.modules()) for one in module._parameters.values())
    taken = {str(node.target).rpartition(".")[0] for node in graph.nodes if node.op == "get_attr"}
    for name in calls:
        layer = model.get_submodule(name)
        if any(users[id(parameter)] > 1 for parameter in layer.parameters(recurse=False)):
            yield name, "shares its weights with another"
        elif name in taken:
            yield name, TAKEN
        elif layer._forward_hooks or layer._forward_pre_hooks:
            yield name, "has hooks"
