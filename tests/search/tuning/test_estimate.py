"""What `--dry-run` foretells: trials, epochs, what is shared, and what the study cannot show whatever it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import BASE, make_study
from models.errors import UserError
from search.commands.sweep import estimate_text
from search.run.preflight import check_study
from search.tuning.estimate import estimate
from search.tuning.step_time import StepTimes
from tests.search.made_runs import MadeRun, falling
from tests.trainables.teaching.cases import state_file

TRAIN = {"epochs_per_state": 2, "state0": {"lr": 1.0e-3}}
SEARCH = {"algorithm": "tpe", "trials_per_arm": 3, "confirm": {"seeds": [101, 102]}}


def sections(**resources: Any) -> dict[str, Any]:
    data = {**BASE["trial"]["data"], "train_limit": 100}
    trial = {**BASE["trial"], "data": data, "train": {**TRAIN, "device": "cpu"}}
    return {"trial": trial, "search": SEARCH, "resources": {"max_concurrent": 1, **resources}}


def made_run(tmp_path: Path) -> Path:
    """An earlier run that nothing can be learnt from."""
    made = MadeRun(tmp_path / "earlier")
    for arm in ("refill", "rsst"):
        made.add(arm, falling(0.9), status="diverged")
    return made.path


@pytest.mark.parametrize(("share", "spared"), [(True, 22.0), (False, 0.0)])
def test_one_dense_start_is_counted_once_for_each_seed(tmp_path: Path, share: bool, spared: float) -> None:
    cost = estimate(make_study(tmp_path, **sections(share=share)))
    # Two arms: 3 search trials each on one seed, and 2 recipes each on 2 confirm seeds; 5 states of 2 epochs.
    assert (cost.trials, cost.epochs) == (14, 140)
    assert cost.spared_epochs == spared
    assert ("22 epochs (16 %) are a state 0" in estimate_text(cost)) is share
    assert cost.to_json()["spared_epochs"] == spared


def test_what_cannot_be_settled_is_said_with_the_cost(tmp_path: Path) -> None:
    text = estimate_text(estimate(make_study(tmp_path, **sections())))
    assert "warning: search.confirm.seeds: 2 seeds cannot settle a difference at alpha 0.05" in text


def test_what_validate_says_of_the_request_and_of_the_images_is_said_too(tmp_path: Path) -> None:
    asked = sections()
    asked["trial"]["data"]["train_limit"] = 10
    warm = {**SEARCH, "warm_start": str(made_run(tmp_path))}
    study = make_study(tmp_path, **{**asked, "search": warm, "compare": {"at": [60]}})
    told, shown = estimate(study).warnings, check_study(study).warnings
    assert any(line.startswith("search.warm_start: ") for line in told)
    assert any("classes with one training image: 10 of 10" in line for line in told)
    # But for what takes a proof of the weights, or a state's plan at every corner of the space.
    assert {line for line in shown if "the penalty" not in line and "probe" not in line} == set(told)


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"resources": {"cpus_per_trial": 4096}}, "4096 CPUs are asked for a trial"),
        ({"compare": {"at": [95]}}, "no two arms can be compared there"),
        ({"search": {**SEARCH, "constraints": ["macs <= 0.001"]}}, "no state of arm refill can meet it"),
    ],
)
def test_what_validate_refuses_is_refused(tmp_path: Path, section: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError, match=told):
        estimate(make_study(tmp_path, **{**sections(), **section}))


def test_a_teachers_forward_passes_are_timed_where_it_teaches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timed: list[Any] = []
    measured = StepTimes._measured

    def noted(self: StepTimes, procedure: Any, batch_size: int, teacher: Any) -> float:
        timed.append("none" if teacher is None else "dense" if teacher is procedure.network.model else "outside")
        return measured(self, procedure, batch_size, teacher)

    monkeypatch.setattr(StepTimes, "_measured", noted)
    outside = {"init": {"source": "path", "path": str(state_file(tmp_path / "teacher.safetensors"))}}
    for distill, expected in (
        ({}, {"none"}),
        ({"weight": 0.5}, {"none", "dense"}),
        ({"weight": 0.5, "teacher": outside}, {"outside"}),
    ):
        asked = sections()
        asked["trial"]["train"] = {**asked["trial"]["train"], "distill": distill}
        timed.clear()
        estimate(make_study(tmp_path, **asked))
        assert set(timed) == expected
        assert len(timed) == len(expected), "once for both arms"
