"""By which rule a run's confirm trials are tested, from its folder to the verdict."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models.errors import UserError
from search.evidence.comparison import Comparison, compare
from search.evidence.growth.evalues import evidence
from search.evidence.growth.sequential import sequential_flips
from search.run.folder import RunFolder
from search.run.manifest import grown
from search.run.results import load_results, note_settled
from search.study.load import load_study
from tests.search.made_runs import MadeRun, falling

SEEDS = list(range(101, 117))
LOOKS = [8, 12, 16]
NOISE = np.random.default_rng(6).normal(0, 0.005, 40).tolist()


def made_run(path: Path, gap: float, done: int, asked: list[int] = SEEDS, **compare_section: object) -> MadeRun:
    """Two arms `gap` apart, confirmed on the first `done` of the seeds `asked` for."""
    search = {"algorithm": "random", "trials_per_arm": 1, "confirm": {"seeds": asked}}
    made = MadeRun(path, study={"search": search, "compare": compare_section})
    for arm, lead in (("refill", 0.0), ("rsst", gap)):
        made.add(arm, falling(0.9))
        for index, seed in enumerate(asked[:done]):
            add_confirm(made, arm, seed, lead + (NOISE[index] if arm == "rsst" else 0.0))
    return made


def add_confirm(made: MadeRun, arm: str, seed: int, lead: float) -> None:
    made.add(arm, falling(0.8 + lead), seed=seed, confirm=True)


def differences(seeds: int, gap: float) -> list[float]:
    return [gap + noise for noise in NOISE[:seeds]]


def compared(path: Path) -> Comparison:
    return compare(load_results(path))


def note_growth(path: Path, *steps: dict[str, object]) -> None:
    (path / "manifest.json").write_text(
        json.dumps({"schema_version": 1, "foundations": {}, "launches": [], "grown": steps})
    )


def test_at_a_stated_look_the_verdict_stands_though_seeds_are_left(tmp_path: Path) -> None:
    made_run(tmp_path / "run", 0.01, 8, looks=LOOKS)
    comparison = compared(tmp_path / "run")
    (contrast,) = comparison.primary
    assert (comparison.rule, comparison.exploratory, contrast.kind) == ("looks", False, "better")
    test = sequential_flips(differences(8, 0.01), [8], 16, levels=[0.05, 0.025])
    assert contrast.p_value == pytest.approx(test.p_two_sided())
    assert contrast.interval == pytest.approx(test.interval(0.05))
    assert "at the look at 8 of 16 seeds" in comparison.verdict


def test_between_two_looks_the_last_one_is_read_again(tmp_path: Path) -> None:
    made_run(tmp_path / "eight", 0.01, 8, looks=LOOKS)
    made_run(tmp_path / "eleven", 0.01, 11, looks=LOOKS)
    assert compared(tmp_path / "eleven").primary == compared(tmp_path / "eight").primary
    assert compared(tmp_path / "eleven").rows[1].confirmed == compared(tmp_path / "eight").rows[1].confirmed


def test_before_the_first_look_nothing_is_claimed(tmp_path: Path) -> None:
    made_run(tmp_path / "run", 0.01, 7, looks=LOOKS)
    comparison = compared(tmp_path / "run")
    assert comparison.exploratory
    assert "interim look" in comparison.verdict


def test_a_look_waits_for_a_seed_that_is_missing_in_one_arm(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", 0.01, 7, looks=LOOKS)
    add_confirm(made, "refill", SEEDS[7], 0.0)
    assert compared(tmp_path / "run").exploratory


def test_a_settled_study_is_complete_with_the_seeds_that_it_has(tmp_path: Path) -> None:
    made_run(tmp_path / "run", 0.01, 8, looks=LOOKS)
    assert not load_results(tmp_path / "run").complete
    note_settled(RunFolder(tmp_path / "run"), 8)
    assert load_results(tmp_path / "run").complete


def test_seeds_beyond_those_stated_are_judged_at_any_time(tmp_path: Path) -> None:
    made_run(tmp_path / "run", 0.02, 12, SEEDS[:12], seeds=SEEDS[:6])
    comparison = compared(tmp_path / "run")
    (contrast,) = comparison.primary
    test = evidence(differences(12, 0.02), 0.01)
    assert (comparison.rule, comparison.exploratory, contrast.kind) == ("any time", False, "better")
    assert contrast.p_value == pytest.approx(test.p_two_sided())
    assert contrast.interval == pytest.approx(test.interval(0.05))
    assert contrast.evidence == pytest.approx(test.path().tolist())
    assert "grown (seeds [107, 108, 109, 110, 111, 112] beyond those stated)" in comparison.verdict
    assert "valid at any time" in comparison.verdict


def test_seeds_count_in_the_order_in_which_the_study_names_them(tmp_path: Path) -> None:
    order = [*reversed(SEEDS[:10])]
    made_run(tmp_path / "run", 0.004, 10, order, seeds=order[:6])
    (contrast,) = compared(tmp_path / "run").primary
    assert contrast.evidence == pytest.approx(evidence(differences(10, 0.004), 0.01).path().tolist())


def test_what_has_not_ended_is_not_passed_over(tmp_path: Path) -> None:
    made = made_run(tmp_path / "run", 0.02, 8, SEEDS[:12], seeds=SEEDS[:6])
    for arm in ("refill", "rsst"):
        add_confirm(made, arm, SEEDS[11], 0.0)
    (contrast,) = compared(tmp_path / "run").primary
    assert list(contrast.differences) == SEEDS[:8]


def test_a_grown_search_has_to_show_more(tmp_path: Path) -> None:
    made_run(tmp_path / "run", 0.02, 12, SEEDS[:12])
    plain = compared(tmp_path / "run")
    note_growth(tmp_path / "run", {"trials_per_arm": [1, 1]})
    comparison = compared(tmp_path / "run")
    (contrast,) = comparison.primary
    assert (plain.rule, comparison.rule) == ("fixed", "any time")
    assert contrast.p_value == pytest.approx(6 * evidence(differences(12, 0.02), 0.01).p_two_sided())
    assert "trials_per_arm 1 to 1" in comparison.verdict


def test_a_grown_search_that_is_not_over_is_an_interim_look(tmp_path: Path) -> None:
    made_run(tmp_path / "run", 0.02, 12, SEEDS[:12])
    run = RunFolder(tmp_path / "run")
    grown(run, load_study(run.study_file), 3)
    assert "interim look" in compared(run.path).verdict


@pytest.mark.parametrize(
    ("looks", "found"),
    [
        ([8, 12], "the last look must be at all 16 of search.confirm.seeds, found 12"),
        ([12, 8, 16], "must rise, found [12, 8, 16]"),
        ([3, 16], "the first look, at 3 of 16 seeds, can find nothing at alpha 0.05 (1 test); look first at 7 or more"),
        ([0, 16], "looks"),
    ],
)
def test_looks_that_do_not_fit_are_refused(tmp_path: Path, looks: list[int], found: str) -> None:
    with pytest.raises(UserError) as raised:
        made_run(tmp_path / "run", 0.0, 1, looks=looks)
    assert "looks" in str(raised.value)
    assert found in str(raised.value)
