"""Channels and neurons of a traced network, followed from the layer that makes them to those that read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from timm.layers.conv2d_same import Conv2dSame
from timm.layers.norm_act import BatchNormAct2d
from torch import fx, nn

from models.units.describe import family_of
from models.units.structure import Kind
from models.units.traced.graph import TAKEN, Shape, Traced
from models.units.traced.passing import (
    ARITHMETIC,
    CHANNELS,
    PRODUCTS,
    QUESTIONS,
    call_name,
    through_call,
    through_module,
)
from models.units.traced.plan import Passing, Whole

CONVOLUTIONS = (nn.Conv2d, Conv2dSame)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, BatchNormAct2d)
TOGETHER = {
    "cat": "are concatenated with others",
    "concat": "are concatenated with others",
    "stack": "are stacked with others",
}
LEAVE = "leave the network"
OTHERS = "are added to others or multiplied by them"


@dataclass
class _Units:
    """Those that one layer makes, and those of other layers that were found to go with them. `ends` says why they stay."""

    number: int
    makers: list[str]
    count: int
    readers: list[str] = field(default_factory=list)
    ends: str | None = None
    joined: _Units | None = None

    def all(self) -> _Units:
        return self if self.joined is None else self.joined.all()


@dataclass(frozen=True)
class _Carried:
    """Units that lie along `dim` of a tensor."""

    units: _Units
    dim: int


class Followed:
    """What was `found`, and which layers stay `whole`, by name; layers whose outputs leave the network are in neither."""

    def __init__(self, traced: Traced) -> None:
        self._traced = traced
        self._carried: dict[fx.Node, _Carried] = {}
        self._made: list[_Units] = []
        self.whole: dict[str, Whole] = {}
        self.called = frozenset(str(node.target) for node in traced.graph.nodes if node.op == "call_module")
        for node in traced.graph.nodes:
            self._visit(node)
        self.found = tuple(one for units in self._made if (one := self._passing(units)) is not None)

    def _visit(self, node: fx.Node) -> None:
        inputs = [self._carried[one] for one in node.all_input_nodes if one in self._carried]
        after = self._traced.shapes.get(node)
        if node.op == "output":
            _end(inputs, LEAVE)
        elif node.op == "call_module":
            self._call_layer(node, inputs, after)
        elif node.op == "get_attr":
            self._take(str(node.target).rpartition(".")[0])
        elif inputs and not (after is None and call_name(node) in QUESTIONS):
            self._call(node, inputs, after)

    def _call_layer(self, node: fx.Node, inputs: Sequence[_Carried], after: Shape | None) -> None:
        name = str(node.target)
        layer = self._traced.modules[name]
        unfit = self._traced.unfit.get(name)
        if unfit is not None:
            _end(inputs, f"go through a layer that {unfit}")
            self._stays(name, layer, f"{type(layer).__name__} that {unfit}")
        elif is_maker(layer) and after is not None:
            dim = CHANNELS if isinstance(layer, nn.Conv2d) else len(after) - 1
            self._read(name, layer, node, inputs)
            units = _Units(len(self._made), [name], after[dim])
            self._made.append(units)
            self._carried[node] = _Carried(units, dim)
        elif inputs:
            self._pass(name, layer, node, inputs, after)
        else:
            self._stays(name, layer, _of_others(layer))

    def _take(self, name: str) -> None:
        """A layer of a class of the user's own, or one whose weights are taken out of it."""
        layer = self._traced.modules.get(name)
        if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
            self._stays(name, layer, f"{type(layer).__name__} that {TAKEN}")

    def _read(self, name: str, layer: nn.Module, node: fx.Node, inputs: Sequence[_Carried]) -> None:
        for one in inputs:
            before = self._traced.shapes[node.all_input_nodes[0]] or ()
            if one.dim == (CHANNELS if isinstance(layer, nn.Conv2d) else len(before) - 1):
                one.units.all().readers.append(name)
            else:
                _end([one], "are read along another dimension")

    def _pass(
        self, name: str, layer: nn.Module, node: fx.Node, inputs: Sequence[_Carried], after: Shape | None
    ) -> None:
        """Through a layer with an entry for each unit, or none at all."""
        one, before = inputs[0], self._traced.shapes[node.all_input_nodes[0]] or ()
        units = one.units.all()
        if len(inputs) == 1 and one.dim == CHANNELS and _goes_by_units(layer, units.count):
            units.makers.append(name)
            self._carried[node] = one
            return
        dim = (
            through_module(layer, one.dim, before, after)
            if len(inputs) == 1
            else f"go through a {type(layer).__name__}"
        )
        if isinstance(dim, int):
            self._carried[node] = _Carried(units, dim)
        else:
            _end(inputs, "are read by a grouped convolution" if isinstance(layer, nn.Conv2d) else dim)
            self._stays(name, layer, _of_others(layer))

    def _call(self, node: fx.Node, inputs: Sequence[_Carried], after: Shape | None) -> None:
        name, alike = call_name(node), {id(one.units.all()) for one in inputs}
        if name in TOGETHER:
            _end(inputs, TOGETHER[name])
        elif name in ARITHMETIC and after is not None:
            self._combine(node, name, inputs, after)
        elif len(node.all_input_nodes) == 1 or (len(alike) == 1 and name in ("view", "reshape", "to")):
            dim = through_call(node, name, inputs[0].dim, self._shape(node.all_input_nodes[0]), after)
            if isinstance(dim, int):
                self._carried[node] = _Carried(inputs[0].units, dim)
            else:
                _end(inputs, dim)
        else:
            _end(inputs, f"go through {name}")

    def _combine(self, node: fx.Node, name: str, inputs: Sequence[_Carried], after: Shape) -> None:
        """Values of the same units with each other or with one for all, a gate times what it is for; nothing else."""
        dims = {
            one.dim - len(self._shape(place)) for place in node.all_input_nodes if (one := self._carried.get(place))
        }
        others = [self._traced.shapes[place] for place in node.all_input_nodes if place not in self._carried]
        if len(dims) != 1 or any(_size(other, next(iter(dims))) != 1 for other in others if other is not None):
            _end(inputs, OTHERS)
            return
        back = next(iter(dims))
        units = inputs[0].units.all()
        for one in inputs[1:]:
            other = one.units.all()
            sizes = {_size(self._shape(place), back) for place in node.all_input_nodes if place in self._carried}
            if other is not units and (name not in PRODUCTS or other.count != units.count or len(sizes) > 1):
                _end(inputs, OTHERS)
                return
            units = _join(units, other)
        self._carried[node] = _Carried(units, back + len(after))

    def _shape(self, node: fx.Node) -> Shape:
        return self._traced.shapes.get(node) or ()

    def _passing(self, units: _Units) -> Passing | None:
        """What they are, where they can go; else their makers are noted as whole."""
        if units.joined is not None:
            return None
        layers = [self._traced.modules[name] for name in units.makers]
        kind = _kind(layers)
        ends = (
            units.ends or (None if units.readers else "no layer reads") or (None if units.count > 1 else "are but one")
        )
        if ends is None:
            makers, readers = tuple(dict.fromkeys(units.makers)), tuple(dict.fromkeys(units.readers))
            return Passing(makers[0], kind, makers, readers)
        if ends != LEAVE:
            words = "neurons" if kind == "neuron" else "channels"
            for name in units.makers:
                self._stays(name, self._traced.modules[name], f"{words} that {ends}")
        return None

    def _stays(self, name: str, layer: nn.Module, reason: str) -> None:
        if family_of(layer) is None and any(parameter.ndim > 1 for parameter in layer.parameters()):
            self.whole.setdefault(name, Whole(_kind([layer]), reason))


def is_maker(layer: nn.Module) -> bool:
    """Whether it is a layer, of exactly a class that we know, which makes each output from all inputs."""
    return type(layer) is nn.Linear or (type(layer) in CONVOLUTIONS and getattr(layer, "groups", 0) == 1)


def _goes_by_units(layer: nn.Module, count: int) -> bool:
    if type(layer) in CONVOLUTIONS:
        return getattr(layer, "groups", 0) == count == getattr(layer, "in_channels", 0)
    if type(layer) is nn.PReLU:
        return layer.num_parameters == count and count > 1
    return type(layer) in BATCH_NORMS and type(getattr(layer, "drop", nn.Identity())) is nn.Identity


def _of_others(layer: nn.Module) -> str:
    """Of a layer that makes no units of its own."""
    grouped = isinstance(layer, nn.Conv2d) and layer.groups > 1
    return "grouped convolution, or over channels that stay" if grouped else f"{type(layer).__name__}, which is not cut"


def _kind(layers: Sequence[nn.Module]) -> Kind:
    return "neuron" if not any(isinstance(layer, nn.modules.conv._ConvNd) for layer in layers) else "channel"


def _size(shape: Shape | None, back: int) -> int:
    """Along the dimension that lies `-back` from the last; 1 where there is none, so that it is the same for all units."""
    return shape[back] if shape is not None and len(shape) >= -back else 1


def _end(inputs: Sequence[_Carried], why: str) -> None:
    for one in inputs:
        units = one.units.all()
        units.ends = units.ends or why


def _join(one: _Units, other: _Units) -> _Units:
    """Those that were made first stand for both."""
    if one is other:
        return one
    first, second = sorted((one, other), key=lambda units: units.number)
    first.makers += second.makers
    first.readers += second.readers
    first.ends = first.ends or second.ends
    second.joined = first
    return first
