from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.errors import UserError
from search.evidence.arm_summary import ArmSummary
from search.evidence.comparison import Comparison, compare
from search.evidence.contrasts import decide
from search.evidence.final_test import FinalTest, final_test
from search.evidence.paired.differences import Measured
from search.run.results import load_results
from search.study.sections import CompareConfig, Level
from tests.search.made_runs import REMOVED, MadeRun, falling, two_arm_run

SEEDS = list(range(101, 109))


def compared(path: Path) -> Comparison:
    return compare(load_results(path))


def row_of(comparison: Comparison, arm: str) -> ArmSummary:
    return next(row for row in comparison.rows if row.arm == arm)


def confirm_run(path: Path, lasts: dict[str, list[float]], **study: object) -> MadeRun:
    """One search trial per arm, and confirm trials with the given last accuracies on the seeds from 101."""
    count = max(len(values) for values in lasts.values())
    search = {"algorithm": "random", "trials_per_arm": 1, "confirm": {"seeds": SEEDS[:count]}}
    arms = {arm: {"prune.method": "rsst" if arm == "rsst" else "refill"} for arm in lasts}
    made = MadeRun(path, arms=arms, study={"search": search, **study})
    for arm, values in lasts.items():
        made.add(arm, falling(0.9))
        for seed, last in zip(SEEDS, values, strict=False):
            made.add(arm, falling(last), seed=seed, confirm=True)
    return made


def test_a_planted_difference_is_claimed_with_its_size_and_interval(tmp_path: Path) -> None:
    two_arm_run(tmp_path / "run", seeds=8, gap=0.03)
    comparison = compared(tmp_path / "run")
    (contrast,) = comparison.primary
    assert (contrast.kind, contrast.arm, contrast.baseline) == ("better", "rsst", "refill")
    assert contrast.mean == pytest.approx(0.03, abs=0.004)
    assert contrast.interval is not None
    assert 0 < contrast.interval[0] < contrast.mean < contrast.interval[1]
    assert contrast.p_holm == 2 / 256
    assert not comparison.exploratory
    said = "Of these two configurations alone (rsst-000, refill-000): rsst is better than refill at 60 % removed by "
    assert comparison.verdict.startswith(said)


def test_equal_arms_are_equivalent_within_the_margin(tmp_path: Path) -> None:
    values = [0.9 + 0.001 * (seed % 3) for seed in SEEDS]
    confirm_run(tmp_path / "run", {"refill": values, "rsst": list(reversed(values))})
    (contrast,) = compared(tmp_path / "run").primary
    assert contrast.kind == "equivalent"
    assert contrast.p_equivalent_holm == pytest.approx(1 / 256)


def test_what_is_not_settled_says_how_many_more_seeds(tmp_path: Path) -> None:
    confirm_run(tmp_path / "run", {"refill": [0.90, 0.88, 0.93, 0.91], "rsst": [0.93, 0.90, 0.90, 0.92]})
    comparison = compared(tmp_path / "run")
    (contrast,) = comparison.primary
    assert (contrast.kind, contrast.fewest_more_seeds, contrast.more_seeds) == ("not settled", 57, 175)
    assert comparison.verdict.startswith(
        "Of these two configurations alone (rsst-000, refill-000): "
        "Whether rsst or refill is better at 60 % removed is not settled: 57 to 175 more seeds would settle a difference of 1 "
        "point with power 0.8 (the larger number at an upper 80 % bound of their spread; in a new run that states them; a run "
        "that grows, by `prunetune resume RUN --confirm-seeds N`, is read at any time and needs up to 2.3 times as many in "
        "all). So far rsst is 0.75 points ahead on average over 4 seeds of one split and one search "
        "(too few seeds for an interval, "
    )


def test_no_seeds_are_foretold_from_three(tmp_path: Path) -> None:
    confirm_run(tmp_path / "run", {"refill": [0.90, 0.88, 0.93], "rsst": [0.93, 0.90, 0.90]})
    comparison = compared(tmp_path / "run")
    (contrast,) = comparison.primary
    assert (contrast.kind, contrast.more_seeds, contrast.fewest_more_seeds) == ("not settled", None, None)
    assert (
        "is not settled: how many more seeds it takes cannot be told from 3 seeds, only from four on"
        in comparison.verdict
    )


def test_no_more_seeds_are_asked_for_where_there_are_enough(tmp_path: Path) -> None:
    """The difference lies between none and the margin: neither claim holds, and a number of seeds would be made up."""
    ahead = [0.014, 0.002, -0.006, 0.001, 0.014, 0.011, 0.003, 0.014]
    confirm_run(tmp_path / "run", {"refill": [0.9] * 8, "rsst": [0.9 + one for one in ahead]}, compare={"margin": 1.25})
    comparison = compared(tmp_path / "run")
    (contrast,) = comparison.primary
    assert (contrast.kind, contrast.more_seeds) == ("not settled", 0)
    assert "there are seeds enough to settle a difference of 1.25 points" in comparison.verdict


def test_needed_seeds_do_not_depend_on_the_effect_seen(tmp_path: Path) -> None:
    base = [0.90, 0.88, 0.93, 0.91]
    for name, shift in (("near", 0.001), ("far", 0.02)):
        shifted = [value + shift + noise for value, noise in zip(base, (0.01, -0.01, 0.01, -0.01), strict=True)]
        confirm_run(tmp_path / name, {"refill": base, "rsst": shifted})
    near, far = (compared(tmp_path / name).primary[0] for name in ("near", "far"))
    assert near.more_seeds == far.more_seeds


def test_holm_spans_arms_and_levels(tmp_path: Path) -> None:
    lasts = {
        "refill": [0.9] * 8,
        "rsst": [0.91 + 0.001 * i for i in range(8)],
        "other": [0.9 + 0.001 * i for i in range(8)],
    }
    confirm_run(tmp_path / "run", lasts, compare={"at": [40, {"macs": 0.5}]})
    contrasts = compared(tmp_path / "run").primary
    assert [(contrast.arm, contrast.level.axis) for contrast in contrasts] == [
        ("rsst", "removed_percent"), ("rsst", "macs"), ("other", "removed_percent"), ("other", "macs"),
    ]  # fmt: skip
    assert min(contrast.p_holm or 1 for contrast in contrasts) == pytest.approx(4 * 2 / 256)


def test_a_level_that_a_trial_does_not_reach_is_not_extrapolated(tmp_path: Path) -> None:
    confirm_run(tmp_path / "run", {"refill": [0.9] * 6, "rsst": [0.95] * 6}, compare={"at": [75]})
    comparison = compared(tmp_path / "run")
    assert comparison.primary[0].kind == "not comparable"
    assert "does not reach 75 % removed" in comparison.verdict


def test_arms_that_end_at_different_sizes_meet_at_the_smaller_removal(tmp_path: Path) -> None:
    made = confirm_run(tmp_path / "run", {"refill": [0.8], "rsst": []})
    made.add("rsst", [0.97, 0.95, 0.93, 0.7], removed=(0, 30, 50, 80), seed=101, confirm=True)
    (contrast,) = compared(tmp_path / "run").primary
    assert contrast.level.value == 60
    assert contrast.mean == pytest.approx(0.93 - 0.23 / 3 - 0.8)


def test_stopped_trials_are_counted_and_not_averaged(tmp_path: Path) -> None:
    made = confirm_run(tmp_path / "run", {"refill": [0.9], "rsst": [0.9]})
    made.add("rsst", [0.5, 0.4], number=1, status="stopped")
    row = row_of(compared(tmp_path / "run"), "rsst")
    assert row.counts == {"finished": 1, "stopped": 1}
    assert row.best_accuracy == pytest.approx(0.9)
    assert row.removed_percent == REMOVED[-1]


def test_without_a_confirm_phase_the_verdict_is_exploratory(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run", study={"search": {"trials_per_arm": 1}})
    made.add("refill", falling(0.9))
    made.add("rsst", falling(0.95))
    comparison = compared(tmp_path / "run")
    assert comparison.exploratory
    assert comparison.primary == ()
    assert comparison.verdict.startswith("Exploratory: the best searched configuration is rsst's (95.00 %")


def claims(arms: int, levels: int, lead: float, rounds: int) -> float:
    """Share of simulated studies in which any cell of the family claims a difference; seeds are shared within an arm."""
    random = np.random.default_rng(13)
    settings = CompareConfig(margin=50.0)
    hits = 0
    for _ in range(rounds):
        contrasts = []
        for arm in range(arms):
            shared = random.normal(lead, 1.0, 10)
            for level in range(levels):
                values = shared + random.normal(0, 0.5, 10)
                where = Level(axis="removed_percent", value=10.0 * level)
                contrasts.append(Measured(str(arm), "base", where, dict(enumerate(values.tolist()))))
        hits += any(contrast.kind in ("better", "worse") for contrast in decide(contrasts, settings))
    return hits / rounds


@pytest.mark.slow
def test_the_family_claims_nothing_false_more_often_than_alpha() -> None:
    assert claims(arms=2, levels=2, lead=0.0, rounds=400) <= 0.05 + 0.02


def test_the_family_finds_what_is_planted() -> None:
    assert claims(arms=2, levels=2, lead=2.0, rounds=50) >= 0.98


def test_the_dense_control_is_a_row_and_no_test(tmp_path: Path) -> None:
    search = {"algorithm": "random", "trials_per_arm": 1, "confirm": {"seeds": SEEDS[:6]}}
    arms = {"dense": {"prune.method": "dense"}, "refill": {}, "rsst": {"prune.method": "rsst"}}
    made = MadeRun(tmp_path / "run", arms=arms, study={"search": search, "compare": {"at": [50]}})
    for arm in arms:
        for seed in [0, *SEEDS[:6]]:
            removed = (0.0,) * 4 if arm == "dense" else REMOVED
            made.add(arm, falling(0.9), seed=seed, confirm=seed > 0, removed=removed)
    comparison = compared(tmp_path / "run")
    assert comparison.baseline == "refill"
    assert [contrast.arm for contrast in comparison.primary] == ["rsst"]
    assert [row.arm for row in comparison.rows] == ["dense", "refill", "rsst"]


def test_training_cost_stands_beside_the_claim(tmp_path: Path) -> None:
    made = confirm_run(tmp_path / "run", {"refill": [0.9] * 6, "rsst": []})
    for seed in SEEDS[:6]:
        made.add("rsst", falling(0.95), seed=seed, confirm=True, cost=1.5)
    comparison = compared(tmp_path / "run")
    assert comparison.primary[0].cost_ratio == pytest.approx(1.5)
    assert "rsst spent 1.50 times the training MACs of refill" in comparison.verdict


def test_nothing_finished_is_one_clear_line(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("refill", [0.9, 0.8], status=None)
    with pytest.raises(UserError, match="1 trial, none finished; run `prunetune resume") as error:
        compared(tmp_path / "run")
    assert "\n" not in str(error.value)


def test_test_accuracy_is_shown_for_the_validation_chosen_trial_with_its_interval(tmp_path: Path) -> None:
    two_arm_run(tmp_path / "run")
    shown = final_test(load_results(tmp_path / "run"))
    assert isinstance(shown, FinalTest)
    assert shown.arm == "rsst"
    assert (shown.choice.configurations, shown.choice.confirm_trials, shown.images) == (4, 16, 360)
    assert shown.interval is not None
    assert shown.interval[0] < shown.interval[1]
    ((first, second, test),) = shown.between
    assert first.startswith("refill-confirm")
    assert second == shown.id
    assert 0 < test.p_value <= 1
