"""The pruning methods by name. What each of them is stands in `pruning/catalogue.py`; here is what they do."""

from __future__ import annotations

import pkgutil

from models.names import look_up
from pruning.catalogue import METHODS, MethodTraits
from pruning.methods.base import Method, StatePlan

__all__ = ["METHODS", "Method", "MethodTraits", "StatePlan", "get_method"]


def get_method(name: str) -> Method:
    """The method of this name, its class loaded; UserError with the nearest name where there is none."""
    traits = look_up("prune.method", name, METHODS)
    method: Method = pkgutil.resolve_name(traits.planner)(traits)
    return method
