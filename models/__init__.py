"""Networks: what they are (spec, structure, weights), where their weights come from, and how they are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.compiler_at_need import defer_compiler

if TYPE_CHECKING:
    from models.save_load import class_names_of, load, load_parts, preprocessing_of

__all__ = ["class_names_of", "load", "load_parts", "preprocessing_of"]

defer_compiler()


def __getattr__(name: str) -> Any:
    """`models.load` and what is told of its file, imported when first asked for: the command line starts without torch."""
    if name in __all__:
        from models import save_load

        return getattr(save_load, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
