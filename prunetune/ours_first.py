"""That our packages are the ones found: a user's folder may have a `models/` of its own, and Python looks there first."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

OURS = ("models", "pruning", "trainables", "search")
ROOT = Path(__file__).resolve().parents[1]
"""Where they lie, and this package: a checkout, or the folder that they are installed in."""


class OursFirst(MetaPathFinder):
    """Stands first in `sys.meta_path` and answers for our four names alone: nothing else of `ROOT` hides what is a user's."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or fullname not in OURS:
            return None
        return PathFinder.find_spec(fullname, [str(ROOT)])


def install() -> None:
    """From now on this process imports ours by these names; again is no harm.

    ImportError where another module of such a name has been imported already: whoever has it would not be given ours.
    """
    for name in OURS:
        if name in sys.modules and ROOT / name not in _places_of(sys.modules[name]):
            raise ImportError(_taken(name, sys.modules[name]), name=name)
    if not any(isinstance(one, OursFirst) for one in sys.meta_path):
        sys.meta_path.insert(0, OursFirst())
    from models.own_parts import finder

    finder.install()


def _places_of(module: ModuleType) -> list[Path]:
    return [Path(place).resolve() for place in getattr(module, "__path__", ())]


def _taken(name: str, module: ModuleType) -> str:
    found = getattr(module, "__file__", None) or ", ".join(map(str, _places_of(module))) or "no file"
    return (
        f"prunetune has a package named {name}, and another module of that name was imported before it, from {found}; write "
        f"`import prunetune` above the line that imports it (a module that only your folder {name}/ has is found there from "
        "then on too), or rename yours"
    )
