"""What a run was made with, launch by launch, and that it refuses other weights or data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from search.manifest import check_foundations, close_launch, read_manifest, write_launch
from search.preflight import Foundation
from search.run_folder import RunFolder


def foundation(weights: str = "a" * 64, data: str = "b" * 64) -> Foundation:
    return Foundation({"digest": weights, "verdict": "proven"}, {"digest": data, "name": "digits"}, {"macs": 7})


def launch(
    run: RunFolder, generation: int, found: dict[str, Foundation], machine: dict[str, Any] | None = None
) -> None:
    write_launch(run, generation, found, machine or {"commit": "c0ffee"}, ["prunetune", "sweep", "study.yaml"])


def test_every_launch_is_noted_and_the_first_foundations_stay(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    launch(run, 1, {"rsst": foundation()})
    close_launch(run, "SIGINT")
    launch(run, 2, {"rsst": foundation(), "dense": foundation()})
    manifest = read_manifest(run)
    assert [entry["left"] for entry in manifest["launches"]] == ["SIGINT", None]
    assert manifest["launches"][0]["command"] == ["prunetune", "sweep", "study.yaml"]
    assert manifest["launches"][1]["commit"] == "c0ffee"
    assert set(manifest["foundations"]) == {"rsst", "dense"}
    assert manifest["foundations"]["rsst"]["weights"]["verdict"] == "proven"


@pytest.mark.parametrize(("part", "changed"), [("weights", {"weights": "f" * 64}), ("data", {"data": "f" * 64})])
def test_changed_weights_or_data_are_refused_by_name(tmp_path: Path, part: str, changed: dict[str, str]) -> None:
    run = RunFolder(tmp_path)
    check_foundations(run, {"rsst": foundation()})
    launch(run, 1, {"rsst": foundation()})
    check_foundations(run, {"rsst": foundation(), "new": foundation("0" * 64)})
    with pytest.raises(UserError, match=f"the {part} of arm rsst have changed"):
        check_foundations(run, {"rsst": foundation(**changed)})
