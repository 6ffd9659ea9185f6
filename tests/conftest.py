"""One thread for torch in every test and every process that a test starts, and Ray's processes as patient as any other.

One thread, as a trial has under Ray; and threads that wait for each other on a busy machine would cost four times the
processor time. Ray's own niceness of 15 would leave its processes almost nothing beside others that are busy.
"""

import os
from pathlib import Path

import pytest

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  (Ray reads it in this spelling)


@pytest.fixture(autouse=True, scope="session")
def _own_store(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A finished pretraining registers itself in the store: not in that of whoever runs the tests."""
    os.environ["PRUNETUNE_STORE"] = str(tmp_path_factory.mktemp("store"))


@pytest.fixture
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of a test's image files, such as which cannot be read, is no business of whoever runs the tests. Not for
    data sets that lie, or are downloaded to, where this user has them."""
    monkeypatch.setenv("PRUNETUNE_DATA", str(tmp_path / "data-of-this-test"))


@pytest.fixture(autouse=True)
def _own_parts_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a study has its folder looked in for a user's own parts, for as long as a process lives: not those of a test."""
    monkeypatch.setenv("PRUNETUNE_PARTS", "")
