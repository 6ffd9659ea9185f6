"""What can go in a network of a user's own that does not say its units itself."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch
from torch import nn

from models.networks.own import Builder, built_by, own_network
from models.spec import ModelSpec
from models.units.own import says_units
from models.units.traced.follow import Followed
from models.units.traced.graph import Untraceable, trace
from models.units.traced.named import ENCODERS, known_whole, named
from models.units.traced.plan import Found, Heads, Plan, Whole, mark_heads
from models.units.traced.proof import refuted

REMEMBERED = 64
Shape = tuple[int, int, int]


def plan_of(model: nn.Module) -> Plan | None:
    """Of the dense network that `model` is or was; None where it is ours or timm's, or says its units itself.

    It depends on the builder and its arguments alone, and is found once in a process for these.
    """
    own = own_network(model)
    if own is None or says_units(model):
        return None
    plan = _plan(own.builder, json.dumps(own.spec.to_json(), sort_keys=True))
    for one in plan.found:
        if isinstance(one, Heads):
            mark_heads(model, one)
    return plan


@lru_cache(maxsize=REMEMBERED)
def _plan(builder: Builder, spec_text: str) -> Plan:
    spec = ModelSpec.from_json(json.loads(spec_text))
    # Modes such as `shapes_only` hold in the thread that they were opened in.
    with ThreadPoolExecutor(max_workers=1) as elsewhere:
        return elsewhere.submit(_found_from, builder, spec).result()


def _found_from(builder: Builder, spec: ModelSpec) -> Plan:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return find(built_by(builder, spec), spec.input_shape)


def find(model: nn.Module, input_shape: Shape) -> Plan:
    """What can go in a dense network, which is used up: weights and running statistics are noise afterwards."""
    candidates: list[Found] = list(named(model))
    whole, untraced = known_whole(model), None
    try:
        traced = _traced(model, input_shape)
    except Untraceable as error:
        untraced = str(error)
    else:
        candidates += traced.found
        around = {name for name, module in model.named_modules() if type(module) in ENCODERS}
        whole = {name: one for name, one in traced.whole.items() if name not in around} | whole
    wrong = refuted(model, input_shape, candidates)
    for one in candidates:
        layers = [f"{one.name}.{maker}" for maker in one.makers] if isinstance(one, Heads) else []
        for layer in layers:
            whole.pop(layer, None)
        if one.name in wrong:
            words = "attention with heads" if isinstance(one, Heads) else f"{one.kind}s"
            whole[one.name] = Whole(one.kind, f"{words} {wrong[one.name]}")
    found = tuple(one for one in candidates if one.name not in wrong)
    return Plan(found, whole, untraced)


def _traced(model: nn.Module, input_shape: Shape) -> Plan:
    """As the network is in use; what takes another way in training stays whole."""
    in_use = Followed(trace(model.eval(), input_shape))
    in_training = Followed(trace(model.train(), input_shape))
    trained, whole = {one.name: one for one in in_training.found}, dict(in_use.whole)
    found: list[Found] = []
    for one in in_use.found:
        if any(maker in in_training.called for maker in one.makers) and trained.get(one.name) != one:
            whole[one.name] = in_training.whole.get(
                one.name, Whole(one.kind, f"{one.kind}s that go another way in training")
            )
        else:
            found.append(one)
    return Plan(tuple(found), whole)
