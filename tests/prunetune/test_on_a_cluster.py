"""On a cluster that a study joins, Ray puts the driver's folder first on every worker's path, also one with a `models/`."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from prunetune.ours_first import ROOT
from tests.prunetune.folders import folder_of_a_user, python_there
from tests.search.small_study import small_study
from tests.search.tuning.started_cluster import StartedCluster

AUTHENTICATION = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}


@pytest.fixture
def cluster() -> Iterator[StartedCluster]:
    made = StartedCluster({**os.environ, **AUTHENTICATION, "PYTHONPATH": str(ROOT)})
    yield made
    made.close()


@pytest.mark.ray
@pytest.mark.slow
def test_a_study_begun_beside_a_models_folder_of_the_users(tmp_path: Path, cluster: StartedCluster) -> None:
    folder = folder_of_a_user(tmp_path / "mine")
    once = {"trials_per_arm": 1, "confirm": None}
    small_study(folder, arms={"refill": {"prune.method": "refill"}}, search=once)
    cluster.add_node(cpus=1)
    command = ("-m", "prunetune", "sweep", "small.yaml", "--json", "--address", cluster.address)
    done = python_there(folder, *command, environment=AUTHENTICATION)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["complete"]
