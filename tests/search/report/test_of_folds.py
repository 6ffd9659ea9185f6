"""What the report of a comparison over folds leaves out, since nothing is searched, chosen or, of whole networks, removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.report.page import run_report
from search.report.rendering import render
from search.run.results import RunResults
from search.run.warnings import all_warnings
from tests.search.evidence.test_folds import accuracies, run_of
from tests.search.run.test_run_warnings import told
from trainables.config.origins import SMALL_VALIDATION

PRUNED = {
    "model": {"arch": "vit_micro", "init": {"source": "random"}},
    "data": {"name": "dtd"},
    "train": {"epochs_per_state": 1},
    "prune": {"schedule": {"kind": "linear", "states": 2, "head_ratio": 0.8, "neuron_ratio": 0.8}},
}
OF_SEARCH = {"search-budget", "settings", "rate-by-epochs", "parallel-coordinates", "importances"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunResults:
    return run_of(tmp_path_factory.mktemp("whole"), accuracies(lead=0.03))


def test_whole_networks_have_no_figure_of_removal_and_none_of_a_search(whole: RunResults) -> None:
    report = run_report(whole, "whole")
    names = {plot.name for plot in report.plots}
    assert names == {"accuracy-by-cost", "paired-differences", "evidence", "training"}
    page = render("page.html.j2", {"title": "whole", "runs": [report], "static": True})
    assert "Differences, pair by pair" in page
    for title in (
        "search budget",
        "Which settings matter",
        "what was removed",
        "Accuracy against MACs",
        "What was kept",
    ):
        assert title not in page


def test_what_was_removed_is_shown_where_something_was(tmp_path: Path) -> None:
    arms = {"net": {"prune.method": "rsst"}, "other": {}}
    report = run_report(run_of(tmp_path, accuracies(lead=0.03), trial=PRUNED, arms=arms), "pruned")
    names = {plot.name for plot in report.plots}
    assert names >= {"accuracy-by-removed", "accuracy-by-macs"}
    assert not names & OF_SEARCH


def test_captions_speak_of_folds(whole: RunResults) -> None:
    captions = {plot.name: plot.caption for plot in run_report(whole, "whole").plots}
    assert captions["paired-differences"].startswith("Dots are folds in which both arms survived")
    assert captions["evidence"].startswith("How strongly the folds so far speak against equal arms")
    assert not [caption for caption in captions.values() if "seed" in caption]


def test_a_small_validation_set_is_no_warning_where_nothing_is_chosen_by_it(tmp_path: Path) -> None:
    for metric, expected in (("test_accuracy", ["net: x: other"]), ("val_accuracy", ["net: x: other", "net: small"])):
        place = tmp_path / metric
        place.mkdir()
        results = run_of(place, accuracies(lead=0.0), compare={"baseline": "other", "metric": metric})
        first = told(results.trials[0], ["x: other", f"{SMALL_VALIDATION}: few"], {})
        found = all_warnings(RunResults(**{**results.__dict__, "trials": (first, *results.trials[1:])}))
        assert [one.line()[: len(line)] for one, line in zip(found, expected, strict=True)] == expected
