"""No state is taken over that other code of a user's own has trained; dense ones do not hang on what prunes later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from models.own_parts.places import ENVIRONMENT_KEY, look_in
from tests.trainables.small_trials import open_trial, small_config
from trainables.config.own import own_parts
from trainables.files.record import Identity
from trainables.prepare import prepare
from trainables.stages.key import stage_keys

SCORES = """\
import torch

def sizes(evidence):
    return {group.name: torch.arange(1.0, group.count + 1) for group in evidence.groups}
"""
PRUNE = {"method": "refill", "criterion": "scores.py:sizes"}


@pytest.fixture
def scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    look_in(tmp_path)
    (tmp_path / "scores.py").write_text(SCORES)
    return tmp_path / "scores.py"


def keys(**prune: Any) -> tuple[str, ...]:
    prepared = prepare(Identity("t", "t"), small_config(prune={**PRUNE, **prune}))
    return stage_keys(prepared.procedure, prepared.header)[1]


def test_a_changed_criterion_is_another_key_from_its_first_event_on(scores: Path) -> None:
    before = keys()
    assert keys() == before
    scores.write_text(SCORES + "# changed\n")
    after = keys()
    assert after[0] == before[0] == keys(criterion="magnitude")[0]
    assert not set(after[1:]) & set(before[1:])


def test_a_trial_does_not_go_on_with_another_file(scores: Path, tmp_path: Path) -> None:
    trial = open_trial(tmp_path / "trial", prune=PRUNE)
    trial.step()
    trial.close()
    assert open_trial(tmp_path / "trial", prune=PRUNE).status == "running"
    scores.write_text(SCORES + "# changed\n")
    with pytest.raises(
        UserError, match=rf"prune.criterion: \S+ has changed since the trial began: {scores} \(SHA-256 was"
    ):
        open_trial(tmp_path / "trial", prune=PRUNE)


def test_what_a_criterion_of_ones_own_cannot_judge(scores: Path) -> None:
    scores.write_text(SCORES + "sizes.judges = ('head',)\n")
    with pytest.raises(UserError, match=r"prune.criterion: .*scores.py:sizes cannot score neuron"):
        own_parts(small_config(prune={**PRUNE, "target": "mlp"}))


def test_a_schedule_of_ones_own_may_not_rise(scores: Path) -> None:
    scores.write_text(SCORES + "def up(state, states, ratio):\n    return 0.3 + 0.1 * state\n")
    with pytest.raises(UserError, match=r"prune.schedule.kind: scores.py:up: keeps 1, 0.4, 0.5.*may not rise"):
        own_parts(small_config(prune={"schedule": {"kind": "scores.py:up", "states": 2}}))
    scores.write_text("def up(state, states, ratio):\n    return 0\n")
    with pytest.raises(UserError, match=r"scores.py:up\(1, 2, 0.5\) is 0; a kept fraction must lie in"):
        own_parts(small_config(prune={"schedule": {"kind": "scores.py:up", "states": 2}}))
