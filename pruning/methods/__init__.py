"""The pruning methods by name. What each of them is stands in `pruning/catalogue.py`; here is what they do."""

from __future__ import annotations

import pkgutil

from models.names import look_up
from pruning.allocation import Drop
from pruning.catalogue import METHODS, MethodTraits, RsstConfig
from pruning.methods.base import Method, StatePlan

__all__ = ["METHODS", "Drop", "Method", "MethodTraits", "RsstConfig", "StatePlan", "get_method"]


def get_method(name: str) -> Method:
    """The method of this name, its class loaded; UserError with the nearest name where there is none."""
    traits = look_up("prune.method", name, METHODS)
    planner = pkgutil.resolve_name(traits.planner) if isinstance(traits.planner, str) else traits.planner
    method: Method = planner(traits)
    return method
