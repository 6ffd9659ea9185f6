"""What a reference to a user's own part looks like: `my_package.module:object` or `path/to/file.py:object`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Group = Literal["architectures", "criteria", "methods", "schedules", "datasets", "samplers", "schedulers", "callbacks"]
"""Kinds of parts; `prunetune.GROUP` is the group of Python entry points that has them by name."""

NOT_MODULES = frozenset({"timm", "weights"})
"""What stands before the colon of names that are no references: `timm:resnet18`, `weights:vit_micro`."""

OBJECT = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
MODULE = re.compile(rf"(?P<module>{OBJECT}):(?P<object>{OBJECT})")
FILE = re.compile(rf"(?P<file>.+\.py):(?P<object>{OBJECT})")


@dataclass(frozen=True)
class Reference:
    """`object` within a module or a file, of which exactly one is given; `file` as it stands, mostly relative."""

    text: str
    object: str
    module: str | None = None
    file: str | None = None


def is_reference(text: str) -> bool:
    """Whether this names a user's own part, and not one of ours or of timm."""
    return parse(text) is not None


def parse(text: str) -> Reference | None:
    """The parts of a reference; None where the text is none."""
    if found := FILE.fullmatch(text):
        return Reference(text, found["object"], file=found["file"])
    found = MODULE.fullmatch(text)
    if found is None or found["module"] in NOT_MODULES:
        return None
    return Reference(text, found["object"], module=found["module"])
