"""How far pruning reaches into a network: the parameters that can go, by kind, and the blocks that are left whole.

Plain figures, which a record keeps and every page can tell; `models/units/targets.py` counts them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from models.units.structure import KINDS_OF_TARGET, WORDS, Kind, Target


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
    """Of a dense network: all its parameters, those tied to units by kind, and what is left whole.

    What is in neither (`rest`) are embeddings, norms, convolutions outside such blocks, and the classifier.
    """

    parameters: int
    prunable: dict[Kind, int]
    left_whole: tuple[LeftWhole, ...]

    @property
    def rest(self) -> int:
        return self.parameters - sum(self.prunable.values()) - sum(one.parameters for one in self.left_whole)

    def whole_of(self, kinds: Collection[Kind]) -> tuple[LeftWhole, ...]:
        return tuple(one for one in self.left_whole if one.kind in kinds)

    def to_json(self) -> dict[str, Any]:
        return {
            "parameters": self.parameters,
            "prunable": dict(self.prunable),
            "left_whole": [asdict(one) for one in self.left_whole],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Reach | None:
        """What a record's `dense` says; None where it is of a version that did not count this."""
        if "left_whole" not in value:
            return None
        return cls(value["parameters"], value["prunable"], tuple(LeftWhole(**one) for one in value["left_whole"]))


def reach_text(target: Target, reach: Reach) -> str:
    """What a target can remove of a network and what stays, as shares of all parameters, for people."""
    kinds = KINDS_OF_TARGET[target]
    text = f"target {target}: {_shares(kinds, reach)} of all parameters"
    if other := [kind for kind in reach.prunable if kind not in kinds]:
        text += f"; not of the target: {_shares(other, reach)}"
    if reach.left_whole:
        text += f"; left whole: {whole_text(reach.left_whole, reach.parameters)}"
    return f"{text}; all else (stem, norms, other convolutions, classifier): {_share(reach.rest, reach.parameters)}"


def whole_text(wholes: Iterable[LeftWhole], parameters: int) -> str:
    """`12 WindowAttention (30.6 %), 2 ClassAttn (2.5 %)`, shares of all `parameters`."""
    return ", ".join(f"{one.count} {one.block} ({_share(one.parameters, parameters)})" for one in wholes)


def unreached_warning(target: Target, reach: Reach) -> tuple[str, ...]:
    """A line where blocks of the target's own kinds are left whole, so that it reaches less than its name says."""
    whole = reach.whole_of(KINDS_OF_TARGET[target])
    if not whole:
        return ()
    reasons = ", ".join(dict.fromkeys(one.reason for one in whole))
    return (
        f"prune.target {target} leaves blocks whole: {whole_text(whole, reach.parameters)} of all parameters ({reasons}); "
        "judge what was removed by the share of all parameters or by MACs",
    )


def named(kinds: Iterable[Kind]) -> str:
    return " and ".join(WORDS[kind] for kind in kinds)


def _shares(kinds: Sequence[Kind], reach: Reach) -> str:
    return f"{named(kinds)}, {_share(sum(reach.prunable.get(kind, 0) for kind in kinds), reach.parameters)}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
