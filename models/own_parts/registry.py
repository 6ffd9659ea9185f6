"""One registry for one kind of part: ours by name, and a user's own by reference or as an entry point, found when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from models.own_parts.loading import stamp
from models.own_parts.origin import Origin
from models.own_parts.reference import Group
from models.own_parts.resolving import OwnPart, entry_point_names, is_own, resolve

Value = TypeVar("Value")


class Registry(Mapping[str, Value], Generic[Value]):
    """Name → value. A user's own part is a name too, and imported when its value is asked for, not before.

    It is iterated over in the order of registration, then the names of entry points.
    """

    def __init__(self, group: Group, key: str, made: Callable[[OwnPart], Value]) -> None:
        """`key` is the dotted key that such names stand under; `made` gives a part's value, or raises `wrong_part`."""
        self.group, self.key = group, key
        self.built_in: dict[str, Value] = {}
        self._made = made
        self._found: dict[str, tuple[object, Value, Origin]] = {}
        self._remembered: set[str] = set()

    def register(self, name: str, value: Value) -> None:
        """Make a part known by name. ValueError where the name is taken."""
        if name in self.built_in:
            raise ValueError(f"{self.key}: there is {name!r} already")
        self.built_in[name] = value

    def __getitem__(self, name: str) -> Value:
        """UserError for a user's part that cannot be imported or is of another kind; KeyError for what is none."""
        if name in self.built_in:
            return self.built_in[name]
        if not self.is_own(name):
            raise KeyError(name)
        return self._own(name)[0]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self.built_in or self.is_own(name))

    def __iter__(self) -> Iterator[str]:
        yield from self.built_in
        yield from (name for name in entry_point_names(self.group) if name not in self.built_in)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def is_own(self, name: str) -> bool:
        """Whether it names a user's own part; nothing is imported."""
        return name not in self.built_in and (name in self._remembered or is_own(name, self.group))

    def origin(self, name: str) -> Origin | None:
        """Where a user's own part came from; None for one of ours. UserError as for its value."""
        return self._own(name)[1] if self.is_own(name) else None

    def if_imported(self, name: str) -> Value | None:
        """The value of ours, or of a user's part that this process has imported; else None. Nothing is imported for it: what
        reads runs does not run the code that they name."""
        if name in self.built_in:
            return self.built_in[name]
        return self._found[name][1] if name in self._found else None

    def remember(self, name: str) -> None:
        """Take it for the name of a user's part, for a run's record has it, though the package that it is of may be gone."""
        if name not in self.built_in:
            self._remembered.add(name)

    def _own(self, name: str) -> tuple[Value, Origin]:
        now, (known, *found) = stamp(), self._found.get(name, (None,))
        if not found or (now is not None and known != now):
            part = resolve(name, key=self.key, group=self.group)
            value = self._made(part)
            self._found[name] = stamp(), value, part.origin
        _, value, origin = self._found[name]
        return value, origin
