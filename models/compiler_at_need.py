"""PyTorch's compiler, loaded by who compiles: that a function is to be left alone by it can be said without it.

timm, torchvision and every optimiser import `torch._dynamo` (800 modules, a second in each process of a study) for no more
than to mark functions that must not be compiled. Until something else of it is asked for, two modules stand in for it here.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

DYNAMO, UTILS = "torch._dynamo", "torch._dynamo.utils"


class Deferred(ModuleType):
    """Stands for a module; whatever it lacks is the true one's, which is loaded then and takes its place."""

    def __getattr__(self, name: str) -> Any:
        # Whoever looks through all modules asks for names such as `__file__`; who imports a part of the package, for its path.
        if name.startswith("__") and (self.__name__, name) != (DYNAMO, "__path__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(true_module(self.__name__), name)


def defer_compiler() -> None:
    """Put the stand-ins in their places, unless the compiler is loaded already."""
    if DYNAMO in sys.modules:
        return
    dynamo, utils = Deferred(DYNAMO), Deferred(UTILS)
    vars(dynamo).update(disable=disable, graph_break=graph_break, utils=utils)
    vars(utils).update(is_compile_supported=is_compile_supported)
    sys.modules |= {DYNAMO: dynamo, UTILS: utils}


def true_module(name: str) -> ModuleType:
    """The module itself, imported if it has not been yet."""
    for one in (DYNAMO, UTILS):
        if isinstance(sys.modules.get(one), Deferred):
            del sys.modules[one]
    return importlib.import_module(name)


def disable(function: Callable[..., Any] | None = None, *_: Any, **__: Any) -> Any:
    """As `torch._dynamo.disable`: where nothing is compiled, the function itself, or a decorator that leaves it as it is."""
    return (lambda decorated: decorated) if function is None else function


def graph_break(*_: Any, **__: Any) -> None:
    """As `torch._dynamo.graph_break`: where there is no graph, nothing."""


def is_compile_supported(device_type: str) -> Any:
    """Asked by one operator of torchvision as it is called."""
    return true_module(UTILS).is_compile_supported(device_type)
