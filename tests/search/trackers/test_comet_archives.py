"""Comet's offline archives: each epoch once, of trials side by side, of a resumed one, and after a kill."""

from __future__ import annotations

import json
import time
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from search.run.folder import RunFolder
from search.study.load import load_study
from search.trackers.catalogue import tracker_of
from search.trackers.ledger import Ledger
from search.trackers.process import told_to_trackers
from search.trackers.sender import Sender
from tests.search.trackers.records import GrowingTrial, made_run, resumed, send

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def comet_archives(run: Path) -> tuple[list[tuple[str, str, int, float]], list[dict[str, Any]]]:
    """Of all archives of a run: (trial's id at Comet, metric, step, value), and what each says of itself."""
    metrics, facts = list[tuple[str, str, int, float]](), list[dict[str, Any]]()
    for path in sorted((run / "logging" / "comet").glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            facts.append(json.loads(archive.read("experiment.json")))
            for line in archive.read("messages.json").splitlines():
                told = json.loads(line)
                if told["type"] == "metric_msg":
                    one = told["payload"]["metric"]
                    metrics.append((facts[-1]["offline_id"], one["metricName"], one["step"], float(one["metricValue"])))
    return metrics, facts


def test_offline_archives_of_comet_hold_each_epoch_once(tmp_path: Path) -> None:
    metrics, facts = comet_archives(resumed(tmp_path, comet={"mode": "offline", "project": "pruning"}))
    assert len(facts) == 2, "one for each launch"
    assert len({one["offline_id"] for one in facts}) == 1
    accuracy = sorted((step, value) for _, name, step, value in metrics if name == "accuracy/val")
    assert accuracy == [(step, step / 100) for step in (1, 2, 3, 4)]
    assert sorted(step for _, name, step, _ in metrics if name == "state/val_accuracy") == [0, 1]
    assert [name for _, name, _, _ in metrics if "test" in name] == []


def test_trials_that_run_side_by_side_have_all_their_epochs_in_comets_archives(tmp_path: Path) -> None:
    run, said = made_run(tmp_path, logging={"comet": {"mode": "offline"}}), list[str]()
    trials = [GrowingTrial(run, f"rsst-{number:03d}") for number in range(2)]
    study = load_study(run / "study.yaml", recorded=True)
    folder = RunFolder(run)
    assert study.logging.comet is not None
    make = partial(tracker_of, "comet", study.logging.comet, folder, "made")
    process = Sender(folder, Ledger(folder, "comet", "here"), "made", make, said.append)
    for number in (1, 2, 3, 4):
        for trial in trials:
            trial.epochs(number, number)
        assert process.look()
    for trial in trials:
        trial.end("finished")
    assert process.look(last=True)
    metrics, facts = comet_archives(run)
    assert len(facts) == len({one["offline_id"] for one in facts}) == 2
    for one in facts:
        steps = [step for key, name, step, _ in metrics if (key, name) == (one["offline_id"], "accuracy/val")]
        assert sorted(steps) == [1, 2, 3, 4]
    assert said == []


def test_a_sender_of_comet_that_is_killed_before_its_archive_is_there_has_sent_nothing(tmp_path: Path) -> None:
    run = made_run(tmp_path, logging={"comet": {"mode": "offline"}})
    trial = GrowingTrial(run)
    trial.epochs(1, 3)
    study, said = load_study(run / "study.yaml", recorded=True), list[str]()
    with told_to_trackers(study.logging, RunFolder(run), said.append) as (told,):
        ledger = run / "logging" / "comet.json"
        for _ in range(600):
            if ledger.exists():
                break
            time.sleep(0.1)
        told.process.kill()
    assert not told.complete
    assert send(run, said)
    metrics, (facts,) = comet_archives(run)
    assert facts["resume_strategy"] == "create", "nothing is there that it could go on with"
    assert sorted(step for _, name, step, _ in metrics if name == "accuracy/val") == [1, 2, 3]
