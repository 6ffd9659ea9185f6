"""The names of data sets: ours, and a user's own by reference. What each of them is stands in `trainables/data/sets/`."""

from __future__ import annotations

from typing import Any

from models.own_parts import OwnPart, Registry


def _own_data(part: OwnPart) -> Any:
    """Judged where data is read, for that is where it is known what a kind of data must be."""
    return part


DATA_SETS: Registry[Any] = Registry("datasets", "data.name", _own_data)
"""Name → nothing; the part, for a user's own."""
for _name in ("digits", "fashion_mnist", "cifar10", "cifar100", "image_folder", "dtd"):
    DATA_SETS.register(_name, None)
