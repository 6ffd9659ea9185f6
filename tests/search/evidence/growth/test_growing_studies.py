"""The simulator of growing studies: looking again needs a rule for it, and the rules find what was planted."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.growing_studies import (
    ALPHA,
    RULES,
    at_any_time,
    at_stated_looks,
    fixed_p,
    looked_at_again,
    studies,
)
from search.evidence.statistics import subset_means

QUICK_LOOKS = (8, 10, 12)
"""Of eleven looks up to 88 seeds the simulator's program has the figures; these take a second."""


@pytest.mark.parametrize("pairs", [9, 24])
def test_the_quick_fixed_test_is_the_programs_own(pairs: int) -> None:
    values = np.random.default_rng(pairs).normal(0.3, 1.0, pairs)
    assert fixed_p(values) == subset_means(values.tolist()).p_two_sided()


def test_looking_again_with_the_fixed_test_claims_too_often_and_the_stated_looks_do_not() -> None:
    null = studies(400, 0.0, 1.0)
    again = np.mean([looked_at_again(row, QUICK_LOOKS).claimed for row in null])
    stated = np.mean([at_stated_looks(row, QUICK_LOOKS).claimed for row in null])
    # 400 studies err by 0.011 (one sigma): 0.085 is expected of the first, at most 0.05 of the second.
    assert again > ALPHA + 0.02
    assert stated <= ALPHA + 0.02


def test_evidence_at_any_time_claims_seldom_however_often_one_looks() -> None:
    assert np.mean([at_any_time(row).claimed for row in studies(1000, 0.0, 1.0)]) <= ALPHA


@pytest.mark.parametrize("rule", ["looks", "any time"])
def test_a_planted_difference_is_found_with_fewer_seeds_than_the_plans_last_look(rule: str) -> None:
    ended = [RULES[rule](row) for row in studies(12, 2.0, 1.0)]
    assert all(one.claimed for one in ended)
    assert np.mean([one.seeds for one in ended]) < 16
