"""What varied between the units of a contrast, and so how far its sentence reaches."""

from __future__ import annotations

from collections.abc import Sequence

from search.evidence.paired.units import Pair


def scope_text(pairs: Sequence[Pair]) -> str:
    """`over 8 seeds of one split and one search`: what an interval or a p-value of these pairs speaks of."""
    units = len({pair.unit for pair in pairs})
    splits = len({_split(pair) for pair in pairs})
    seeds, of_splits = _counted(units, "seed"), "one split" if splits == 1 else f"{splits} splits"
    return f"over {seeds} of {of_splits} and one search"


def _split(pair: Pair) -> tuple[object, ...]:
    data = pair.ours.config.get("data", {})
    return (data.get("split_seed", 0), data.get("fold", 1))


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
