"""The uncertainty that comes from which images are in the test split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.evidence.comparison import Comparison, compare
from search.report.tables import difference_table
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling, write_predictions

IMAGES = 400


def run_with(
    path: Path,
    *,
    lead: float = 0.05,
    between: float | None = None,
    split_seeds: tuple[int, ...] = (0,),
    kept: bool = True,
) -> Comparison:
    """RSST right on `lead` more of the test images than Refill, on eight seeds; `between` compares between two states."""
    seeds = list(range(101, 109))
    search = {"algorithm": "random", "trials_per_arm": 1, "confirm": {"seeds": seeds}}
    made = MadeRun(path, study={"search": search, "compare": {"at": [] if between is None else [between]}})
    random = np.random.default_rng(3)
    hard = random.random(IMAGES)
    for arm, share in (("refill", 0.80), ("rsst", 0.80 + lead)):
        made.add(arm, falling(share))
        for index, seed in enumerate(seeds):
            rights = [
                hard + random.normal(0, 0.02, IMAGES) < min(1.0, share + 0.05 * (3 - state)) for state in range(4)
            ]
            accuracies = [float(right.mean()) for right in rights]
            values = {"data.split_seed": split_seeds[index % len(split_seeds)], "train.lr": 0.001}
            folder = made.add(arm, accuracies, seed=seed, confirm=True, values=values)
            for state, right in enumerate(rights if kept else []):
                write_predictions(folder, state, right.tolist(), first_label=values["data.split_seed"])
    return compare(load_results(path))


def test_the_interval_over_images_is_as_wide_as_a_paired_sample_of_them(tmp_path: Path) -> None:
    (contrast,) = run_with(tmp_path / "run").primary
    assert contrast.images is not None
    assert contrast.interval is not None
    low, high = contrast.images
    assert low < (contrast.mean or 0.0) < high
    # One image in twenty differs between the arms, on all seeds alike: about sqrt(0.05 * 0.95 / 400) = 1.1 points.
    assert high - low == pytest.approx(2 * 1.96 * 0.011, rel=0.25)
    # Eight seeds agree on which images those are, so the seeds' own interval knows nothing of it.
    assert high - low > 2 * (contrast.interval[1] - contrast.interval[0])


def test_it_stands_beside_the_interval_of_the_seeds(tmp_path: Path) -> None:
    comparison = run_with(tmp_path / "run")
    (contrast,) = comparison.primary
    assert contrast.images is not None
    low, high = (f"{100 * end:+.2f}" for end in contrast.images)
    assert f"for other test images [{low}, {high}], Holm-adjusted p" in comparison.verdict
    assert comparison.to_json()["primary"][0]["images"] == contrast.images


def test_it_is_signed_as_the_sentence_is(tmp_path: Path) -> None:
    comparison = run_with(tmp_path / "run", lead=-0.05)
    (contrast,) = comparison.primary
    assert contrast.images is not None
    low, high = (f"{-100 * end:+.2f}" for end in reversed(contrast.images))
    assert ": refill is better than rsst" in comparison.verdict
    assert f"for other test images [{low}, {high}], Holm-adjusted p" in comparison.verdict


def test_between_two_states_an_image_lies_on_the_line_as_accuracy_does(tmp_path: Path) -> None:
    (contrast,) = run_with(tmp_path / "run", between=50.0).primary
    assert contrast.images is not None
    assert sum(contrast.images) / 2 == pytest.approx(contrast.mean, abs=0.003)


def test_without_the_predictions_it_is_said_that_they_are_missing(tmp_path: Path) -> None:
    comparison = run_with(tmp_path / "run", kept=False)
    assert comparison.primary[0].images is None
    assert "no interval for other test images: predictions not kept, Holm-adjusted p" in comparison.verdict
    table = difference_table(comparison)
    assert table is not None
    assert table.rows[0][5] == "none: predictions not kept"


def of_two_arms(path: Path, ours: dict[str, Any], metric: str = "test_accuracy", kept: bool = True) -> Comparison:
    """RSST beside Refill on four seeds, with these values of its own that no arm searches."""
    seeds = [101, 102, 103, 104]
    search = {"algorithm": "random", "trials_per_arm": 1, "confirm": {"seeds": seeds}}
    made = MadeRun(path, study={"search": search, "compare": {"claim": "configurations", "metric": metric}})
    for arm, own in (("refill", {}), ("rsst", ours)):
        made.add(arm, falling(0.8), values=own)
        for seed in seeds:
            right = np.random.default_rng(seed).random(360) < 0.8
            made.add(
                arm, falling(0.8), seed=seed, confirm=True, values=own, predictions=right.tolist() if kept else None
            )
    return compare(load_results(path))


def test_arms_on_different_test_images_are_said_to_be(tmp_path: Path) -> None:
    """Their labels may come in the same order, so that nothing in the predictions shows it."""
    comparison = of_two_arms(tmp_path / "run", {"data.split_seed": 5})
    told = "over 4 seeds of 2 splits and one search, on different test images (data.split_seed: rsst 5, refill 0) ("
    assert told in comparison.verdict
    (contrast,) = comparison.primary
    assert contrast.images is None
    assert "no interval for other test images: the two are tested on different ones" in comparison.verdict
    assert comparison.to_json()["primary"][0]["images_missing"] == "the two are tested on different ones"


def test_the_same_test_images_at_another_size_are_paired_and_the_size_is_named(tmp_path: Path) -> None:
    comparison = of_two_arms(tmp_path / "run", {"data.image_size": 16})
    told = "of one split and one search, on images that differ (data.image_size: rsst 16, refill the default) ("
    assert told in comparison.verdict
    assert comparison.primary[0].images is not None


def test_on_validation_other_validation_images_are_the_different_ones(tmp_path: Path) -> None:
    own = {"data.val_fraction": 0.2}
    assert "on images that differ (data.val_fraction: rsst 0.2" in of_two_arms(tmp_path / "test", own).verdict
    validated = of_two_arms(tmp_path / "val", own, "val_accuracy").verdict
    assert "on different validation images (data.val_fraction: rsst 0.2, refill 0.1)" in validated
    assert "for other test images" not in validated


def test_several_splits_are_named_and_drawn_apart(tmp_path: Path) -> None:
    one, two = run_with(tmp_path / "one"), run_with(tmp_path / "two", split_seeds=(0, 1))
    assert "over 8 seeds of one split and one search" in one.verdict
    assert "over 8 seeds of 2 splits and one search" in two.verdict
    (narrow,), (wide,) = two.primary, one.primary
    assert narrow.images is not None
    assert wide.images is not None
    assert narrow.images[1] - narrow.images[0] == pytest.approx((wide.images[1] - wide.images[0]) / 2**0.5, rel=0.2)
