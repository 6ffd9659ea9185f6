"""Networks: what they are (spec, structure, weights), where their weights come from, and how they are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.compiler_at_need import defer_compiler

if TYPE_CHECKING:
    from models.save_load import load

__all__ = ["load"]

defer_compiler()


def __getattr__(name: str) -> Any:
    """`models.load`, imported when first asked for: the command line starts without torch."""
    if name == "load":
        from models.save_load import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
