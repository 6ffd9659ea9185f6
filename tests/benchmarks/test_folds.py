"""The simulation of studies over folds."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.folds import p_of_runs
from benchmarks.support.folds_study import run_folds_study
from search.evidence.comparison import compare


@pytest.mark.slow
def test_runs_counted_as_independent_claim_too_much(tmp_path: Path) -> None:
    """Figures for a thousand studies are `python -m benchmarks.folds`'s; these are its first forty."""
    of_folds = of_runs = 0
    for number in range(40):
        place = tmp_path / str(number)
        place.mkdir()
        results = run_folds_study(place, number, folds=10, seeds=3)
        of_folds += compare(results).primary[0].kind in ("better", "worse")
        of_runs += p_of_runs(results) <= 0.05
    assert of_folds <= 5
    assert of_runs > of_folds
