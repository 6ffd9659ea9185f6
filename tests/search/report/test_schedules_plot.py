"""Every searched schedule as a curve, the arm's choice named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from search.report.charts.drawing import Plot, standalone_svg
from search.report.plots.schedules import schedule_name, schedule_plot, tried_schedules
from search.report.write import write_report
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling, two_arm_run

SPACE = {
    "prune.schedule.kind": {"choice": ["geometric", "cubic"]},
    "train.epochs_rule": {"choice": ["equal", "last_heavy"]},
}
EARLY = {"prune.schedule.kind": "cubic", "train.epochs_rule": "equal"}
LATE = {"prune.schedule.kind": "geometric", "train.epochs_rule": "last_heavy"}


def searched_run(path: Path, **study: Any) -> MadeRun:
    arms = {name: {"prune.method": name} for name in ("refill", "rsst", "dense")}
    space = {key: {**spec, "arms": ["refill", "rsst"]} for key, spec in SPACE.items()}
    return MadeRun(path, arms=arms, study={"space": space, "search": {"trials_per_arm": 2}, **study})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeRun:
    run = searched_run(tmp_path_factory.mktemp("schedules") / "run")
    for arm, bonus in (("refill", 0.0), ("rsst", 0.04)):
        run.add(arm, falling(0.80 + bonus), number=0, values=EARLY, removed=(0, 50, 60, 60))
        run.add(arm, falling(0.90 - bonus), number=1, values=LATE, removed=(0, 10, 30, 60))
    run.add("dense", [0.95] * 4, removed=(0,) * 4, values={})
    return run


def plot_of(made: MadeRun) -> Plot:
    plot = schedule_plot(load_results(made.path))
    assert plot is not None
    return plot


def panels(plot: Plot) -> list[Axes]:
    return [axes for axes in plot.figure.axes if axes.get_title()]


def test_a_panel_for_each_arm_that_searched_its_schedule_names_its_choice(made: MadeRun) -> None:
    titles = [axes.get_title().replace("\u00a0", " ") for axes in panels(plot_of(made))]
    assert titles == ["refill\ngeometric, epochs last_heavy", "rsst\ngeometric, epochs last_heavy"]


def test_a_state_is_a_level_as_wide_as_its_share_of_the_epochs(made: MadeRun) -> None:
    refill = panels(plot_of(made))[0]
    found = [[tuple(float(one) for one in point) for point in line.get_xydata()] for line in refill.get_lines()]
    early = [(0, 100), (25, 100), (25, 50), (50, 50), (50, 40), (75, 40), (75, 40), (100, 40)]
    late = [(0, 100), (25, 100), (25, 90), (50, 90), (50, 70), (75, 70), (75, 40), (100, 40)]
    assert found == [early, late, late, late], "the worst first, the choice over all others and thick"
    assert refill.get_lines()[-1].get_linewidth() > refill.get_lines()[0].get_linewidth()


def test_colours_tell_accuracies_on_one_scale_for_all_panels(made: MadeRun) -> None:
    refill, rsst = ([to_hex(line.get_color()) for line in axes.get_lines()] for axes in panels(plot_of(made)))
    assert refill[0] != refill[1]
    assert rsst[0] not in refill, "84 % lies between 80 % and 90 %"
    assert refill[-1] == refill[1], "the choice has the colour of its own line"


def test_the_words_say_what_the_colours_say(made: MadeRun) -> None:
    words = plot_of(made).alternative
    assert "refill: 2 schedules, 80.00 % to 90.00 %, chosen geometric, epochs last_heavy at 90.00 %" in words
    assert "rsst: 2 schedules, 84.00 % to 86.00 %" in words
    assert "dense" not in words


def test_the_file_is_drawn_throughout(made: MadeRun) -> None:
    assert "<image" not in standalone_svg(plot_of(made)), (
        "an image would be fetched by the page, and not follow its theme"
    )


def test_seeds_of_a_configuration_are_one_curve_at_their_mean(tmp_path: Path) -> None:
    run = searched_run(tmp_path / "run", search={"trials_per_arm": 2, "seeds": [3, 4]})
    for number, values in enumerate((EARLY, LATE)):
        for seed in (4, 3):
            folder = run.add(
                "refill", falling(0.7 + 0.1 * number + seed / 100), number=number, seed=seed, values=values
            )
            folder.rename(folder.with_name(f"refill-{number:03d}-s{seed}"))
    found = tried_schedules(load_results(run.path), "refill")
    assert [one.accuracy for one in found] == [pytest.approx(0.735), pytest.approx(0.835)]
    assert [one.trial.identity.seed for one in found] == [3, 3]


def test_a_search_of_something_else_has_no_such_plot(tmp_path: Path) -> None:
    assert schedule_plot(load_results(two_arm_run(tmp_path / "run").path)) is None


def test_one_schedule_alone_was_not_searched(tmp_path: Path) -> None:
    run = searched_run(tmp_path / "run")
    run.add("refill", falling(0.9), values=EARLY)
    assert schedule_plot(load_results(run.path)) is None


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"train.lr": 0.1, "train.epochs_rule": "equal", "prune.schedule.kind": "linear"}, "linear, epochs equal"),
        (
            {"prune.schedule": {"kind": "custom", "states": 2, "kept": [0.75, 0.5]}},
            "custom, kept (0.75, 0.5), 2 events",
        ),
        (
            {"train.first_event": 0.25, "prune.schedule.states": 3, "train.epochs_rule": "last_heavy"},
            "3 events, epochs last_heavy, first after 25 %",
        ),
        ({"prune.schedule.states": 3, "prune.schedule.head_ratio": 0.5}, "3 events, head_ratio 0.5"),
        ({"train.lr": 0.1}, ""),
    ],
)
def test_a_schedule_is_named_by_what_was_searched_of_it(values: dict[str, Any], name: str) -> None:
    assert schedule_name(values) == name


def test_long_names_are_broken_so_that_panels_do_not_run_into_each_other(tmp_path: Path) -> None:
    run = searched_run(tmp_path / "run")
    long = {
        "prune.schedule": {"kind": "custom", "states": 3, "kept": [0.9, 0.85, 0.5]},
        "train.epochs_rule": "last_heavy",
    }
    for number, values in enumerate((EARLY, long)):
        run.add("refill", falling(0.8 + number / 10), number=number, values=values)
    (axes,) = panels(plot_of(run))
    lines = axes.get_title().replace("\u00a0", " ").splitlines()
    assert lines == ["refill", "custom, kept (0.9, 0.85, 0.5),", "3 events, epochs last_heavy"]


@pytest.mark.slow
def test_the_page_shows_it_under_its_own_heading(made: MadeRun) -> None:
    files = write_report(load_results(made.path), made.path / "report")
    text = (made.path / "report" / "index.html").read_text(encoding="utf-8")
    assert {"schedules.svg", "schedules.png"} <= set(files)
    assert "<h2>The schedules that were tried</h2>" in text
