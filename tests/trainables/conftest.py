from pathlib import Path

import pytest

from tests.models.networks import narrow_twistnet
from tests.trainables.small_trials import open_trial, run

__all__ = ["narrow_twistnet"]


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small trial that nothing disturbed, to be read only."""
    folder = tmp_path_factory.mktemp("undisturbed") / "straight"
    run(open_trial(folder))
    return folder
