"""Which units of each group a network still has, by their original indices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal["head", "neuron", "token_neuron", "channel", "embed", "qk", "branch", "interaction"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BASIC: tuple[Kind, ...] = ("head", "neuron", "token_neuron", "channel")
"""Units within one block; every description of a network has them."""
ACROSS: tuple[Kind, ...] = ("embed", "qk", "branch", "interaction")
"""Units whose weights lie across blocks or belong to units of a basic kind as well; described only where asked for."""
UNREAD: tuple[Kind, ...] = ("qk", "branch")
"""Kinds whose units no layer takes in as inputs of its weights."""
WORDS: dict[str, str] = {
    "head": "heads",
    "neuron": "neurons",
    "token_neuron": "token-mixing neurons",
    "channel": "channels",
    "embed": "embedding channels",
    "qk": "query-key dimensions",
    "branch": "branches",
    "interaction": "interaction heads",
}
"""What several units of a kind are called where people read."""
Word = Literal["head", "mlp", "both", "token_mlp", "mixer", "channel", "embed", "qk", "branch", "interaction"]
SHORT_FORMS: dict[Word, tuple[Kind, ...]] = {
    "head": ("head",),
    "mlp": ("neuron",),
    "both": ("head", "neuron"),
    "token_mlp": ("token_neuron",),
    "mixer": ("token_neuron", "neuron"),
    "channel": ("channel",),
    "embed": ("embed",),
    "qk": ("qk",),
    "branch": ("branch",),
    "interaction": ("interaction",),
}
"""The kinds of units that a word stands for."""
Target = Word | tuple[Kind, ...]
"""Which kinds of units a trial removes: a word, or the distinct kinds in any order."""


def kinds_of(target: Target) -> tuple[Kind, ...]:
    """The kinds that a target stands for, in one order however it is written."""
    if isinstance(target, str):
        return SHORT_FORMS[target]
    asked = frozenset(target)
    alike = (kinds for kinds in SHORT_FORMS.values() if asked == frozenset(kinds))
    return next(alike, tuple(kind for kind in KINDS if kind in asked))


def short_form(target: Target) -> Target:
    """What all ways of writing the same target have in common: the word for its kinds, else `kinds_of` it."""
    kinds = kinds_of(target)
    return next((word for word, named in SHORT_FORMS.items() if named == kinds), kinds)


def target_text(target: Target) -> str:
    """`both`, or `head + neuron + embed`, for people."""
    short = short_form(target)
    return short if isinstance(short, str) else " + ".join(short)


def counted(units: Mapping[str, float]) -> str:
    """`16 heads, 1024 neurons`: units by kind, for people."""
    return ", ".join(f"{count:.0f} {WORDS[kind]}" for kind, count in units.items())


@dataclass(frozen=True)
class GroupStructure:
    """One group: what its units are, how many it had when dense, and the sorted original indices still there."""

    kind: Kind
    total: int
    kept: tuple[int, ...]

    def __post_init__(self) -> None:
        if list(self.kept) != sorted(set(self.kept)):
            raise ValueError(f"kept units must be sorted and distinct, found {self.kept}")
        if self.kept and not (self.kept[0] >= 0 and self.kept[-1] < self.total):
            raise ValueError(f"kept units must lie in 0..{self.total - 1}, found {self.kept}")

    @property
    def cut(self) -> bool:
        """Whether it has lost units."""
        return len(self.kept) < self.total


@dataclass(frozen=True)
class Structure:
    """Group name → its kept units, in the order in which the network's groups are described."""

    groups: dict[str, GroupStructure]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of unit that it names, each once."""
        return tuple(dict.fromkeys(group.kind for group in self.groups.values()))

    def kept(self, name: str) -> tuple[int, ...]:
        return self.groups[name].kept

    def counts(self) -> dict[str, int]:
        """Kept units of every group, by group name."""
        return {name: len(group.kept) for name, group in self.groups.items()}

    def kept_of_kind(self) -> dict[str, int]:
        """Kept units summed over the groups of each kind that occurs."""
        return self._sum(lambda group: len(group.kept))

    def total_of_kind(self) -> dict[str, int]:
        """Original units summed over the groups of each kind that occurs."""
        return self._sum(lambda group: group.total)

    def _sum(self, size: Any) -> dict[str, int]:
        sums: dict[str, int] = {}
        for group in self.groups.values():
            sums[group.kind] = sums.get(group.kind, 0) + size(group)
        return sums

    def without(self, drop: Mapping[str, Iterable[int]]) -> Structure:
        """The structure after removing, group by group, the units with these original indices."""
        groups = dict(self.groups)
        for name, units in drop.items():
            gone = set(units)
            group = groups[name]
            missing = gone - set(group.kept)
            if missing:
                raise ValueError(f"{name}: units {sorted(missing)} are not there to be removed")
            kept = tuple(unit for unit in group.kept if unit not in gone)
            groups[name] = GroupStructure(group.kind, group.total, kept)
        return Structure(groups)

    def to_json(self) -> dict[str, Any]:
        return {
            name: {"kind": group.kind, "total": group.total, "kept": list(group.kept)}
            for name, group in self.groups.items()
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Structure:
        return cls(
            {
                name: GroupStructure(group["kind"], int(group["total"]), tuple(group["kept"]))
                for name, group in value.items()
            }
        )
