"""`round_to`: layers end at multiples that hardware likes, where their floors and what is there allow."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.units.base import TiedSlice, UnitGroup
from pruning.allocation import budget_counts, floor_of, rounded, select
from pruning.schedules import kept_fraction
from tests.pruning.test_allocation import KINDS, dense, groups_of


@pytest.mark.parametrize(
    ("count", "present", "floor", "expected"),
    [
        (99, 200, 1, 96),
        (100, 200, 1, 104),
        (101, 200, 1, 104),
        (1, 200, 1, 8),
        (0, 200, 0, 0),
        (3, 200, 0, 8),
        (20, 200, 20, 24),
        (99, 100, 1, 96),
        (100, 100, 1, 100),
        (5, 7, 1, 5),
        (98, 100, 98, 98),
    ],
)
def test_counts_are_rounded_to_eight(count: int, present: int, floor: int, expected: int) -> None:
    assert rounded(count, present, floor, 8) == expected


@given(present=st.integers(0, 60), floor=st.integers(0, 60), multiple=st.integers(1, 20))
def test_rounding_goes_to_the_nearest_multiple_that_is_allowed_and_never_falls_where_the_count_grows(
    present: int, floor: int, multiple: int
) -> None:
    floor = min(floor, present)
    allowed = [one for one in range(multiple, present + 1, multiple) if one >= floor]
    found = [rounded(count, present, floor, multiple) for count in range(floor, present + 1)]
    assert found == sorted(found)
    for count, after in zip(range(floor, present + 1), found, strict=True):
        assert floor <= after <= present
        if not allowed or count in (0, present):
            assert after == count
        else:
            assert after in allowed
            assert abs(after - count) == min(abs(one - count) for one in allowed)
        assert multiple > 1 or after == count


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 40)), min_size=1, max_size=6),
    ratio=st.floats(0.0, 0.95),
    scope=st.sampled_from(["layerwise", "global"]),
    min_kept=st.sampled_from([0, 1, 3, 0.34]),
    round_to=st.sampled_from([1, 2, 5, 8]),
    seed=st.integers(0, 1000),
)
def test_layers_end_at_multiples_event_after_event(sizes, ratio, scope, min_kept, round_to, seed) -> None:
    structure = dense(**{f"g{i}": size for i, size in enumerate(sizes)})
    rng = random.Random(seed)
    for state in range(1, 4):
        groups = groups_of(structure)
        scores = {g.name: torch.tensor([rng.random() for _ in range(g.count)]) for g in groups}
        kept = {kind: kept_fraction("geometric", state, 3, ratio) for kind in KINDS}
        counts = budget_counts(structure, kept, scope, min_kept)
        given_ = {"kinds": KINDS, "counts": counts, "scope": scope, "min_kept": min_kept}
        plain = select(scores, groups, structure, **given_)
        found = select(scores, groups, structure, **given_, round_to=round_to)
        after = structure.without(found.drop)
        assert after.counts() == found.counts
        for group in groups:
            name, left = group.name, found.counts[group.name]
            if group.kind == "head" or round_to == 1:
                assert left == plain.counts[name]
                continue
            floor = floor_of(structure.groups[name].total, min_kept)
            assert left == rounded(plain.counts[name], group.count, floor, round_to)
            originals = structure.kept(name)
            best = scores[name].argsort(descending=True)[:left].tolist()
            assert set(after.kept(name)) == {originals[place] for place in best}
        structure = after


@pytest.mark.parametrize(("round_to", "expected"), [(8, 6), (16, 4), (4, 5)])
def test_units_of_several_features_are_counted_by_them(round_to: int, expected: int) -> None:
    """Groups of four channels: six of them are 24 channels."""
    structure = dense(a=("channel", 12))
    group = UnitGroup("a", "channel", 12, (TiedSlice("conv.weight", 1, torch.arange(48).view(12, 4)),), "conv")
    scores = {"a": torch.arange(12.0)}
    counts = {"channel": 5}
    found = select(scores, [group], structure, kinds=["channel"], counts=counts, scope="global", round_to=round_to)
    assert found.counts == {"a": expected}
