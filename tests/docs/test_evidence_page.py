"""The worked example of docs/evidence.md, computed again from the differences that the page shows."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import stats

from search.evidence.statistics import fewest_pairs, holm, mcnemar, seeds_foretold, subset_means, wilson_interval
from search.study.load import load_study
from tests.configs.files import CONFIGS
from tests.docs.pages import section_of, tables_of, text_of

PAGE = text_of("evidence.md")
MARGIN, ALPHA = 0.01, 0.05
DIFFERENCES = {
    row[0]: [float(cell) / 100 for cell in row[1:]]
    for row in tables_of(section_of("evidence.md", "## The replicate is the seed"))[0][1:]
}
RESULTS = {row[0]: row[1:] for row in tables_of(section_of("evidence.md", "## Several tests: Holm"))[0][1:]}


def computed() -> dict[str, list[str]]:
    means = {name: subset_means(values) for name, values in DIFFERENCES.items()}
    different = holm([one.p_two_sided() for one in means.values()])
    equivalent = holm([one.p_equivalent(MARGIN) for one in means.values()])
    rows = {}
    for (name, values), p_different, p_equivalent in zip(DIFFERENCES.items(), different, equivalent, strict=True):
        low, high = means[name].interval(ALPHA / len(DIFFERENCES))
        fewest, most = seeds_foretold(values, MARGIN, ALPHA, len(DIFFERENCES)) or (0, 0)
        rows[name] = [
            f"{100 * np.mean(values):+.2f}",
            f"[{100 * low:+.2f}, {100 * high:+.2f}]",
            f"{means[name].p_two_sided():.4f}",
            f"{p_different:.4f}",
            f"{p_equivalent:.4f}",
            f"{fewest - len(values)} to {most - len(values)}",
        ]
    return rows


def test_results_follow_from_the_differences_shown() -> None:
    assert computed() == RESULTS


def test_the_interval_of_one_test_alone_is_the_one_that_misleads() -> None:
    low, high = subset_means(DIFFERENCES["random at 80 % removed"]).interval(ALPHA)
    assert low > 0
    assert f"[{100 * low:+.2f}, {100 * high:+.2f}] and leave out zero" in " ".join(PAGE.split())


def test_a_family_too_large_for_its_seeds_is_the_one_that_the_page_names() -> None:
    assert fewest_pairs(ALPHA, 12) > 8
    assert f"12 × {2 / 256:.4f} is above {ALPHA:g}" in " ".join(PAGE.split())


def test_contrasts_are_those_that_the_study_claims() -> None:
    study = load_study(CONFIGS / "digits_evidence.yaml")
    assert study.search.confirm is not None
    compare = study.compare
    assert (compare.alpha, compare.margin, compare.baseline) == (ALPHA, 100 * MARGIN, "refill")
    claimed = {f"{arm} at {level.value:g} % removed" for arm in ("rsst", "random") for level in compare.at}
    assert set(DIFFERENCES) == claimed
    assert {len(values) for values in DIFFERENCES.values()} == {len(study.search.confirm.seeds)}


def test_as_many_sign_patterns_as_the_page_counts() -> None:
    values = np.array(DIFFERENCES["random at 80 % removed"])
    signs = np.array(np.meshgrid(*[[1, -1]] * 8)).reshape(8, -1)
    means = signs.T @ values / 8
    assert signs.shape[1] == 256
    assert int((means >= values.mean() - 1e-12).sum()) == 3
    turned = {
        101 + int(seed) for column in signs.T[means >= values.mean() - 1e-12] for seed in np.flatnonzero(column < 0)
    }
    assert turned == {102, 105}
    assert f"p = 6/256 = {6 / 256:.4f}" in PAGE
    assert f"4 × {6 / 256:.4f} = {4 * 6 / 256:.4f}" in PAGE


@pytest.mark.parametrize(("seeds", "said"), [(3, "0.25"), (5, "0.0625"), (8, "0.0078")])
def test_smallest_p_of_so_many_seeds(seeds: int, said: str) -> None:
    assert float(said) == pytest.approx(subset_means([0.01] * seeds).p_two_sided(), abs=5e-5)
    assert re.search(rf"{said} with (three|five|eight)", PAGE)


def test_three_seeds_can_find_nothing() -> None:
    assert fewest_pairs(ALPHA) > 3
    assert subset_means([0.0] * 3).p_equivalent(MARGIN) > ALPHA


def test_seeds_still_needed_for_the_last_row() -> None:
    values = DIFFERENCES["random at 80 % removed"]
    deviation = float(np.std(values, ddof=1))
    bound = deviation * np.sqrt(7 / stats.chi2.ppf(0.2, 7))
    fewest, most = seeds_foretold(values, MARGIN, ALPHA, len(DIFFERENCES)) or (0, 0)
    flowing = " ".join(PAGE.split())
    assert f"deviation is {100 * deviation:.2f} points and its upper bound {100 * bound:.2f}" in flowing
    assert f"asks for {fewest} to {most} seeds" in flowing
    assert f"{fewest - 8} to {most - 8} more than eight" in flowing


def test_figures_of_the_test_split() -> None:
    flowing = " ".join(PAGE.split())
    low, high = wilson_interval(331, 359)
    assert f"331 of 359 images right are {100 * 331 / 359:.2f} % [{100 * low:.2f}, {100 * high:.2f}]" in flowing
    pairs = [(True, False)] * 17 + [(False, True)] * 23
    result = mcnemar([first for first, _ in pairs], [second for _, second in pairs])
    assert f"17 against 23, p = {result.p_value:.4f}" in flowing
