"""How far pruning reaches into a network: the parameters that can go, by kind, and the blocks that are left whole.

Plain figures, which a record keeps and every page can tell; `models/targets.py` counts them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.units.structure import WORDS, Kind, Target, kinds_of, target_text


@dataclass(frozen=True)
class LeftWhole:
    """`count` blocks of one class that are not cut, why not, and their parameters; `kind` is what they are made of."""

    kind: Kind
    block: str
    reason: str
    count: int
    parameters: int


@dataclass(frozen=True)
class Reach:
    """Of a dense network: all its parameters, those tied to units, and what is left whole.

    `prunable` has those of each kind that is described; one that is tied to units of two kinds stands under both.
    `prunable_parameters` are those of the target's units and `tied_parameters` those of units of any kind, each once.
    What is in neither (`rest`) are embeddings, norms, convolutions outside such blocks, and the classifier.
    """

    parameters: int
    prunable: dict[Kind, int]
    prunable_parameters: int
    tied_parameters: int
    left_whole: tuple[LeftWhole, ...]

    @property
    def rest(self) -> int:
        return self.parameters - self.tied_parameters - sum(one.parameters for one in self.left_whole)

    def each(self, kinds: Iterable[Kind]) -> list[int]:
        """The parameters of every one of these kinds; 0 for one that the network has no units of."""
        return [self.prunable.get(kind, 0) for kind in kinds]

    def whole_of(self, kinds: Collection[Kind]) -> tuple[LeftWhole, ...]:
        return tuple(one for one in self.left_whole if one.kind in kinds)

    def to_json(self) -> dict[str, Any]:
        return {
            "parameters": self.parameters,
            "prunable": dict(self.prunable),
            "prunable_parameters": self.prunable_parameters,
            "tied_parameters": self.tied_parameters,
            "left_whole": [asdict(one) for one in self.left_whole],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Reach | None:
        """What a record's `dense` says; None where it is of a version that did not count this."""
        if "left_whole" not in value:
            return None
        prunable = value["prunable"]
        # Before kinds could share parameters, their sum stood for `tied_parameters`.
        tied = value.get("tied_parameters", sum(prunable.values()))
        wholes = tuple(LeftWhole(**one) for one in value["left_whole"])
        return cls(value["parameters"], prunable, value["prunable_parameters"], tied, wholes)


def reach_text(target: Target, reach: Reach, *, why: bool = False) -> str:
    """What a target can remove of a network and what stays, as shares of all parameters, for people; `why` with the reasons.

    `reach` is that of the target. No parameter is counted in two shares, unless the text says so.
    """
    kinds = kinds_of(target)
    together, beyond = reach.prunable_parameters, reach.tied_parameters - reach.prunable_parameters
    text = f"target {target_text(target)}: {named(kinds)}, {_share(together, reach.parameters)} of all parameters"
    if sum(reach.each(kinds)) > together:
        shares = ", ".join(_share(size, reach.parameters) for size in reach.each(kinds))
        text += f" (each by itself: {shares}; some parameters are of several kinds)"
    other = [kind for kind in reach.prunable if kind not in kinds]
    if other and beyond:
        shared = " that the target's units do not hold too" if sum(reach.each(other)) > beyond else ""
        text += f"; not of the target: {named(other)}, {_share(beyond, reach.parameters)}{shared}"
    if reach.left_whole:
        text += f"; left whole: {whole_text(reach.left_whole, reach.parameters, why=why)}"
    return f"{text}; all else (stem, norms, other convolutions, classifier): {_share(reach.rest, reach.parameters)}"


def whole_text(wholes: Iterable[LeftWhole], parameters: int, *, why: bool = False) -> str:
    """`12 WindowAttention (30.6 %), 2 ClassAttn (2.5 %)`, shares of all `parameters`; `why` with the reasons too."""
    return ", ".join(
        f"{one.count} {one.block} ({_share(one.parameters, parameters)}{f': {one.reason}' if why else ''})"
        for one in wholes
    )


def unreached_warning(target: Target, reach: Reach) -> tuple[str, ...]:
    """A line where blocks of the target's own kinds are left whole, so that it reaches less than its name says."""
    whole = reach.whole_of(kinds_of(target))
    if not whole:
        return ()
    shares = whole_text(whole, reach.parameters)
    reasons = ", ".join(dict.fromkeys(one.reason for one in whole))
    return (
        f"prune.target {target_text(target)} leaves blocks whole: {shares} of all parameters ({reasons}); "
        "judge what was removed by the share of all parameters or by MACs",
    )


def named(kinds: Iterable[Kind]) -> str:
    """`heads, neurons and embedding channels`."""
    *before, last = [WORDS[kind] for kind in kinds]
    return f"{', '.join(before)} and {last}" if before else last


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
