"""A run that is given more confirm seeds: which ones, and that it goes on as the same study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import Simulation, make_study
from models.errors import UserError
from search import cli
from search.evidence.comparison import compare
from search.run.files.manifest_file import read_manifest
from search.run.folder import RunFolder
from search.run.manifest import check_same_study, grown, write_launch
from search.run.results import load_results
from search.study.load import load_study
from tests.search.made_runs import MadeRun, falling

SEARCH: dict[str, Any] = {"algorithm": "random", "trials_per_arm": 2, "confirm": {"seeds": [101, 102]}}


def begun(tmp_path: Path, search: dict[str, Any] = SEARCH) -> Simulation:
    study = make_study(tmp_path, search=search, compare={"claim": "configurations"})
    simulation = Simulation(study, tmp_path / "runs").go()
    write_launch(simulation.run, 1, {}, {}, [], simulation.study)
    return simulation


def test_a_finished_run_confirms_on_the_new_seeds_and_repeats_nothing(tmp_path: Path) -> None:
    simulation = begun(tmp_path)
    simulation.order.clear()
    simulation.study = grown(simulation.run, simulation.study, confirm_seeds=4)
    simulation.relaunch()
    simulation.go()
    assert simulation.order == [f"{arm}-confirm-s{seed}" for seed in (103, 104) for arm in ("refill", "rsst")]
    assert load_results(simulation.run.path).complete
    check_same_study(simulation.run, load_study(simulation.run.study_file))


def test_the_new_seeds_are_the_next_that_no_search_has_used(tmp_path: Path) -> None:
    simulation = begun(tmp_path, {**SEARCH, "seeds": [103, 105]})
    assert simulation.study.search.confirm is not None
    for _ in range(2):
        again = grown(simulation.run, simulation.study, confirm_seeds=5)
        assert again.search.confirm is not None
        assert again.search.confirm.seeds == (101, 102, 104, 106, 107)


def test_a_study_without_a_confirm_phase_gets_one_on_seeds_of_its_own(tmp_path: Path) -> None:
    simulation = begun(tmp_path, {**SEARCH, "confirm": None})
    confirm = grown(simulation.run, simulation.study, confirm_seeds=3).search.confirm
    assert confirm is not None
    assert confirm.seeds == (101, 102, 103)
    assert load_study(simulation.run.study_file).search.confirm == confirm


def test_growth_in_steps_is_one_study_but_edited_seeds_are_another(tmp_path: Path) -> None:
    simulation = begun(tmp_path)
    study = grown(simulation.run, simulation.study, trials_per_arm=3, confirm_seeds=3)
    study = grown(simulation.run, study, confirm_seeds=5)
    check_same_study(simulation.run, study)
    assert read_manifest(simulation.run)["grown"] == [
        {"trials_per_arm": [2, 3], "confirm_seeds": [[101, 102], [101, 102, 103]]},
        {"confirm_seeds": [[101, 102, 103], [101, 102, 103, 104, 105]]},
    ]
    text = simulation.run.study_file.read_text()
    simulation.run.study_file.write_text(text.replace("105", "999"))
    with pytest.raises(UserError, match=r"search\.confirm\.seeds was .*--confirm-seeds N"):
        check_same_study(simulation.run, load_study(simulation.run.study_file))


def test_fewer_confirm_seeds_are_refused(tmp_path: Path) -> None:
    simulation = begun(tmp_path)
    with pytest.raises(UserError, match=r"--confirm-seeds: the run has 2 to confirm with already; .* found 1"):
        grown(simulation.run, simulation.study, confirm_seeds=1)
    assert grown(simulation.run, simulation.study, confirm_seeds=2) == simulation.study
    assert "grown" not in read_manifest(simulation.run)


@pytest.mark.parametrize(("stated", "told"), [([101], True), (None, False)])
def test_another_look_is_told_in_the_verdict_and_a_first_one_is_none(
    tmp_path: Path, stated: list[int] | None, told: bool
) -> None:
    confirm = stated and {"seeds": stated}
    made = MadeRun(tmp_path / "run", study={"search": {"algorithm": "random", "trials_per_arm": 1, "confirm": confirm}})
    made.add("refill", falling(0.9))
    made.add("rsst", falling(0.92))
    results = load_results(made.path)
    seeds = grown(RunFolder(made.path), results.study, confirm_seeds=3).search.confirm
    assert seeds is not None
    for seed in seeds.seeds:
        made.add("refill", falling(0.9), seed=seed, confirm=True)
        made.add("rsst", falling(0.92), seed=seed, confirm=True)
    comparison = compare(load_results(made.path))
    assert (comparison.rule == "any time") == told
    assert ("grown (seeds [102, 103] beyond those stated)" in comparison.verdict) == told


def test_resume_takes_no_number_below_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["resume", "runs/x", "--confirm-seeds", "0"]) == 2
    assert "--confirm-seeds" in capsys.readouterr().err


def test_growth_ends_the_stated_looks_and_is_no_other_study(tmp_path: Path) -> None:
    search = {**SEARCH, "confirm": {"seeds": list(range(101, 113))}}
    simulation = Simulation(make_study(tmp_path, search=search, compare={"looks": [8, 12]}), tmp_path / "runs").go()
    write_launch(simulation.run, 1, {}, {}, [], simulation.study)
    grown(simulation.run, simulation.study, confirm_seeds=16)
    study = load_study(simulation.run.study_file)
    check_same_study(simulation.run, study)
    simulation.study = study
    simulation.relaunch()
    simulation.go()
    confirmed = {trial.identity.seed for trial in simulation.store if trial.identity.phase == "confirm"}
    assert len(confirmed) == 16
    assert compare(load_results(simulation.run.path)).rule == "any time"
