"""What a complete run keeps of the states that its trials shared."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.support.simulation import make_study
from models import atomic
from search.run.folder import RunFolder
from search.run.retention import drop_own_stages


@pytest.mark.parametrize(
    ("states", "elsewhere", "there"), [("all", False, {0, 1}), ("last", False, {0}), ("last", True, {0, 1})]
)
def test_a_complete_run_keeps_shared_states_only_where_they_take_no_room(
    tmp_path: Path, states: str, elsewhere: bool, there: set[int]
) -> None:
    folder = tmp_path / "shared" if elsewhere else tmp_path / "run" / "stages"
    resources = {"stages": str(folder)} if elsewhere else {}
    study = make_study(tmp_path, retention={"states": states}, resources=resources)
    for state in (0, 1):
        atomic.write_json(folder / "ab" / f"ab{state}" / "stage.json", {"end": {"state": state}})
    drop_own_stages(study, RunFolder(tmp_path / "run"))
    assert {int(one.name[-1]) for one in folder.glob("ab/*")} == there


@pytest.mark.parametrize("damaged", ["", '{"end": {}}', "{"])
def test_a_shared_state_that_cannot_be_read_is_kept_for_nobody(tmp_path: Path, damaged: str) -> None:
    run, study = RunFolder(tmp_path / "run"), make_study(tmp_path, retention={"states": "last"})
    atomic.write_text(run.own_stages / "ab" / "ab1" / "stage.json", damaged)
    drop_own_stages(study, run)
    assert list(run.own_stages.glob("ab/*")) == []
