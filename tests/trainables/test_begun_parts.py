"""A trial is trained by the code that its run began with, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from models.own_parts.loading import keep_what_is_imported
from models.own_parts.places import ENVIRONMENT_KEY, look_in
from pruning.catalogue import CRITERIA
from trainables.config.own import own_parts, parts_json
from trainables.config.trial import TrialConfig
from trainables.files.begun_parts import hold_to
from trainables.files.record import Identity
from trainables.files.request import TrialRequest, read_request, write_request

NAME = "scores_of_the_run.py:sizes"
SCORES = "def sizes(evidence):\n    return {}\n"


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[TrialConfig, dict[str, Any]]:
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    (tmp_path / "scores_of_the_run.py").write_text(SCORES)
    look_in(tmp_path)
    monkeypatch.setattr("models.own_parts.loading._kept", False)
    config = TrialConfig.model_validate(
        {
            "model": {"arch": "vit_micro", "init": {"source": "random"}},
            "data": {"name": "digits"},
            "prune": {"criterion": NAME},
        }
    )
    return config, {one["reference"]: one for one in parts_json(own_parts(config)).values()}


def test_code_that_was_edited_since_is_refused(begun: tuple[TrialConfig, dict[str, Any]], tmp_path: Path) -> None:
    config, parts = begun
    write_request(tmp_path, TrialRequest(Identity("a-000", "a", "search", 0, 0), {}, parts=parts))
    (tmp_path / "scores_of_the_run.py").write_text(SCORES + "# later\n")
    request = read_request(tmp_path)
    assert request is not None
    with pytest.raises(UserError, match=r"runs/r: scores_of_the_run.py:sizes of arm a has changed since .*put it back"):
        hold_to(request.parts, config, "runs/r", "a")


def test_code_that_is_edited_while_the_trial_runs_is_not_taken_up(
    begun: tuple[TrialConfig, dict[str, Any]], tmp_path: Path
) -> None:
    config, parts = begun
    hold_to(parts, config, "runs/r", "a")
    before = CRITERIA[NAME].scorer
    (tmp_path / "scores_of_the_run.py").write_text(SCORES + "# later\n")
    assert CRITERIA[NAME].scorer is before
    keep_what_is_imported(False)
    assert CRITERIA[NAME].scorer is not before
