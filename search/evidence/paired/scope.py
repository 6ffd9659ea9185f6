"""What varied between the units of a contrast, and so how far its sentence reaches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from search.evidence.formats import counted
from search.evidence.paired.units import Pair
from search.study.sections import Claim


def unit_word(claim: Claim | None) -> str:
    """What a unit of a claim is called."""
    return {"tuned": "search", "average": "recipe"}.get(str(claim), "seed")


def scope_text(pairs: Sequence[Pair], claim: Claim | None) -> str:
    """`over 8 seeds of one split and one search`: what an interval or a p-value of these pairs speaks of."""
    units = len({pair.unit for pair in pairs})
    splits = len({_split(pair) for pair in pairs})
    of_splits = "one split" if splits == 1 else f"{splits} splits"
    if claim == "tuned":
        return f"over {counted(units, 'independent search')}, each with seeds of its own"
    seeds = len({pair.ours.identity.seed for pair in pairs})
    if claim == "average":
        return f"over {counted(units, 'recipe')} on {counted(seeds, 'seed')} of {of_splits}"
    each = _most_places(pairs)
    averaged = "" if each == 1 else f", averaged over {counted(each, 'recipe')}"
    return f"over {counted(units, 'seed')} of {of_splits} and one search{averaged}"


def _most_places(pairs: Iterable[Pair]) -> int:
    places: dict[int, int] = {}
    for pair in pairs:
        places[pair.unit] = places.get(pair.unit, 0) + 1
    return max(places.values(), default=1)


def _split(pair: Pair) -> tuple[object, ...]:
    data = pair.ours.config.get("data", {})
    return (data.get("split_seed", 0), data.get("fold", 1))
