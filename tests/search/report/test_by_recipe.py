"""Where an arm is confirmed at recipes with different schedules, their states are not averaged with one another."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.evidence.comparison import compare
from search.evidence.penalty import removal_cost
from search.report.page import run_plots
from search.report.removals import removal_table
from search.report.tables import state_tables
from search.run.results import RunResults, load_results
from tests.search.made_runs import MadeRun, falling

AT_ONCE = {"prune.schedule.kind": "one_shot"}
SLOWLY = {"prune.schedule.kind": "geometric"}
REMOVED = {"one_shot": (0.0, 60.0, 60.0, 60.0), "geometric": (0.0, 20.0, 40.0, 60.0)}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> RunResults:
    """Refill chose to remove at once, RSST slowly; both are confirmed at both recipes on two seeds."""
    space = {"prune.schedule.kind": {"choice": ["one_shot", "geometric"]}}
    made = MadeRun(tmp_path_factory.mktemp("recipes") / "run", study={"space": space})
    choices = {"refill": AT_ONCE, "rsst": SLOWLY}
    for arm, values in choices.items():
        made.add(arm, falling(0.9), values=values, removed=REMOVED[values["prune.schedule.kind"]])
        for seed in (101, 102):
            for other, recipe in choices.items():
                kind = recipe["prune.schedule.kind"]
                made.add(
                    arm, falling(0.9 if kind == "geometric" else 0.8), confirm=True, seed=seed, values=recipe,
                    removed=REMOVED[kind], recipe="" if other == arm else other,
                    removals={1: (0.9, 0.5 if kind == "one_shot" else 0.9), 2: (0.9, 0.9)} if arm == "rsst" else None,
                )  # fmt: skip
    return load_results(made.path)


def test_a_recipe_with_a_schedule_of_its_own_is_shown_by_itself(results: RunResults) -> None:
    groups = results.by_recipe("rsst")
    assert {name: len(trials) for name, trials in groups.items()} == {"rsst": 2, "rsst at refill's recipe": 2}
    assert {trial.config["prune"]["schedule"]["kind"] for trial in groups["rsst"]} == {"geometric"}


def test_each_recipe_has_its_own_table_and_curve(results: RunResults) -> None:
    tables = {table.caption.partition(":")[0]: table for table in state_tables(results)}
    assert list(tables) == ["refill", "refill at rsst's recipe", "rsst", "rsst at refill's recipe"]
    removed = {name: [row[2] for row in table.rows] for name, table in tables.items()}
    assert removed["refill"] == removed["rsst at refill's recipe"] == ["0.0", "60.0", "60.0", "60.0"]
    assert removed["rsst"] == removed["refill at rsst's recipe"] == ["0.0", "20.0", "40.0", "60.0"]
    plots = {plot.name: plot for plot in run_plots(results, compare(results))}
    assert "rsst at refill's recipe: 97.0 % at 0, 80.0 % at 60" in plots["accuracy-by-removed"].alternative
    assert {"kept-structure-rsst", "kept-structure-rsst-at-refill-recipe"} <= plots.keys()


def test_what_a_removal_cost_is_not_averaged_with_another_schedules(results: RunResults) -> None:
    cost = removal_cost(results, "rsst")
    assert cost is not None
    assert (cost.arm, cost.state, cost.trials) == ("rsst at refill's recipe", 1, 2)
    assert cost.lost == pytest.approx(0.4)
    assert cost.overall == pytest.approx(0.2)
    table = removal_table(results)
    assert table is not None
    assert [row[:2] for row in table.rows] == [
        ["rsst", "1"], ["rsst", "2"], ["rsst at refill's recipe", "1"], ["rsst at refill's recipe", "2"],
    ]  # fmt: skip


def test_recipes_of_one_schedule_stay_together(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    for arm, rate in (("refill", 0.001), ("rsst", 0.002)):
        made.add(arm, falling(0.9), lr=rate)
        for other, taken in (("refill", 0.001), ("rsst", 0.002)):
            made.add(arm, falling(0.9), confirm=True, seed=101, lr=taken, recipe="" if other == arm else other)
    groups = load_results(made.path).by_recipe("rsst")
    assert {name: len(trials) for name, trials in groups.items()} == {"rsst": 2}
