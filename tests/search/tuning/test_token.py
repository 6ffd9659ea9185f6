"""A Ray of our own needs no home folder, and its token is its own, seen by no other user, and gone with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.tuning.cluster.token import MODE, TOKEN, TOKEN_PATH, own_token
from tests.configs.files import CONFIGS, REPOSITORY


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (MODE, TOKEN, TOKEN_PATH):
        monkeypatch.delenv(variable, raising=False)


def test_it_is_made_for_the_session_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    tokens = []
    for session in ("one", "two"):
        folder = tmp_path / session
        folder.mkdir()
        with own_token(folder):
            file = Path(os.environ[TOKEN_PATH])
            assert file.parent == folder
            assert file.stat().st_mode & 0o777 == 0o600
            tokens.append(file.read_text(encoding="utf-8"))
        assert TOKEN_PATH not in os.environ
    assert [len(token) for token in tokens] == [64, 64]
    assert tokens[0] != tokens[1]


@pytest.mark.parametrize(("variable", "value"), [(MODE, "disabled"), (TOKEN, "mine"), (TOKEN_PATH, "/mine")])
def test_what_the_environment_says_stays(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with own_token(tmp_path):
        assert os.environ[variable] == value
        assert {MODE, TOKEN, TOKEN_PATH} & os.environ.keys() == {variable}
    assert list(tmp_path.iterdir()) == []


SMALL = (
    "search.trials_per_arm=1",
    "search.confirm=null",
    "trial.prune.schedule.states=1",
    "trial.train.epochs_per_state=1",
)


@pytest.mark.slow
@pytest.mark.ray
def test_a_study_runs_without_a_home(tmp_path: Path) -> None:
    """A home nothing can be made in, whoever asks. Tokens are on: Ray would fail to write one there."""
    command = [
        sys.executable,
        "-m",
        "search.cli",
        "sweep",
        str(CONFIGS / "quickstart.yaml"),
        "--storage",
        str(tmp_path),
    ]
    environment = {**os.environ, "HOME": "/proc/nonexistent"}
    options = [word for one in SMALL for word in ("--set", one)]
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "3 of 3" in done.stderr
