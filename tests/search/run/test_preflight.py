"""What only data and network together can show to be impossible is found in every arm before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import UserError
from search.run.preflight import check_study
from search.study.load import load_study

STUDY = """\
name: odd
trial:
  model: {arch: vit_micro, init: {source: random}}
  data: {name: digits, train_limit: 64}
  train: {epochs_per_state: 1, device: cpu}
  prune: {schedule: {states: 1}}
arms:
  refill: {prune.method: refill}
  second: {ASKED}
"""


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("prune.method: rsst, prune.rsst.lambda_max: 1.0e+6", r"line 9: .*rsst\.lambda_max: .* lr\*lambda is"),
        ("prune.method: random, prune.schedule.macs_target: 0.001", r"line 9: .*macs_target: found 0\.001"),
    ],
)
def test_a_later_arms_impossible_setting_is_found_at_its_line(tmp_path: Path, asked: str, message: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(STUDY.replace("ASKED", asked))
    with pytest.raises(UserError, match=message):
        check_study(load_study(file))
    file.write_text(STUDY.replace("ASKED", "prune.method: rsst"))
    assert set(check_study(load_study(file)).starting_points) == {"refill", "second"}


def test_the_functional_proof_is_made_before_a_study_starts(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(STUDY.replace("ASKED", "prune.method: rsst"))
    drawn = check_study(load_study(file)).starting_points["refill"]
    assert "probe" not in drawn.weights, "random weights claim nothing"
    file.write_text(STUDY.replace("ASKED", "prune.method: rsst").replace("source: random", "source: pretrained"))
    checked = check_study(load_study(file, ["trial.data.train_limit=400"]))
    probe = checked.starting_points["refill"].weights["probe"]
    assert probe["wins"]
    assert probe["accuracy"] > probe["random_accuracy"] + 0.1
