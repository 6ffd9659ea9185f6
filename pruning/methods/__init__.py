"""The pruning methods by name."""

from __future__ import annotations

from pruning.methods.base import Method, RsstSettings, StatePlan
from pruning.methods.dense import DENSE
from pruning.methods.imp import IMP
from pruning.methods.one_shot import ONE_SHOT
from pruning.methods.random import RANDOM
from pruning.methods.refill import REFILL
from pruning.methods.rsst import RSST
from pruning.methods.scratch import SCRATCH
from pruning.names import look_up

__all__ = ["METHODS", "Method", "RsstSettings", "StatePlan", "get_method"]

_ALL: tuple[Method, ...] = (REFILL, RSST, DENSE, RANDOM, ONE_SHOT, SCRATCH, IMP)
METHODS: dict[str, Method] = {method.name: method for method in _ALL}


def get_method(name: str) -> Method:
    """The method of this name; UserError with the nearest name where there is none."""
    return look_up("prune.method", name, METHODS)
