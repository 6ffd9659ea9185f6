"""One real study under Ray, on digits, by the command line: its driver is killed, and nothing shows in the numbers.

The unbroken sweep it is compared with needs no second Ray: early draws depend only on the search's seed, the arm and the
number, and a trial run by itself has the numbers it would have had there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from search.config_file import yaml_file
from search.run.results import load_results
from search.run.trials import RecordedTrial
from search.study.load import load_study
from search.tuning.proposals.optuna_studies import propose
from tests.trainables.small_trials import BASE, numbers
from trainables.config.trial import TrialConfig
from trainables.files.checkpoint import load_checkpoint
from trainables.files.record import read_record
from trainables.trial import Trial

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(1800)]
ROOT = Path(__file__).resolve().parents[3]
STUDY: dict[str, Any] = {
    "name": "real",
    "trial": {**BASE, "prune": {"schedule": {"states": 2, "head_ratio": 0.5, "neuron_ratio": 0.6}}},
    "arms": {"refill": {"prune.method": "refill"}, "rsst": {"prune.method": "rsst"}},
    "space": {"train.lr": {"log_uniform": [1e-3, 5e-3]}},
    "search": {"algorithm": "tpe", "trials_per_arm": 2, "confirm": {"seeds": [101]}},
    "compare": {"claim": "configurations"},
    "resources": {"gpus_per_trial": 0, "max_concurrent": 2, "checkpoint_seconds": 0},
}
EPOCHS_SEEN = 11
"""With two trials at a time, of six epochs each, one of them has then ended."""
LASTING = ("val_accuracy", "val_loss", "test_accuracy", "params", "macs", "removed_percent")


PROGRAM = """
import sys
from search.cli import main
sys.exit(main())
"""
KILLED = f"""
import os, signal
from search.tuning.progress import Progress
told, left = Progress.epoch, [{EPOCHS_SEEN}]
def epoch(self, result):
    told(self, result)
    left[0] -= "epochs_total" in result
    if left[0] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
Progress.epoch = epoch
{PROGRAM}"""
"""The command, whose process is killed as it is told of an epoch; the trials' processes are wherever they then are."""
ASKED_TO_LEAVE = f"""
import os, signal
from search.tuning.progress import Progress
told = Progress.epoch
def epoch(self, result):
    told(self, result)
    if result.get("steps_done") == 1 and result["state"] == 1:
        os.kill(os.getpid(), signal.SIGINT)
Progress.epoch = epoch
{PROGRAM}"""
"""The command, which is asked to leave, once, as it is told of a checkpoint within an epoch."""


def start(program: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        start_new_session=True,
    )


def epochs_kept(trial: RecordedTrial) -> int:
    """After how many epochs a killed trial will go on."""
    checkpoint = load_checkpoint(trial.folder).checkpoint
    return 0 if checkpoint is None else int(checkpoint.meta["standing"]["epochs_total"])


def test_a_killed_sweep_resumes_to_the_numbers_of_an_unbroken_one(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text(yaml_file.dump(STUDY), encoding="utf-8")
    run = tmp_path / "runs" / "real"
    sweep = start(KILLED, tmp_path, "sweep", "real.yaml", "--json")
    assert sweep.returncode == -signal.SIGKILL, sweep.stderr
    left = load_results(run)
    assert not left.complete
    finished = {trial.id: (trial.folder / "record.jsonl").read_bytes() for trial in left.trials if trial.ended}
    assert finished
    for trial in left.trials:
        if trial.record is not None and not trial.ended:
            assert len(trial.record.epochs) - epochs_kept(trial) <= 1, trial.id

    resume = start(PROGRAM, tmp_path, "resume", str(run), "--json")
    assert resume.returncode == 0, resume.stderr
    status = json.loads(resume.stdout)
    assert status["complete"]
    assert [trial["status"] for trial in status["trials"]] == ["finished"] * 6
    assert {name: (run / "trials" / name / "record.jsonl").read_bytes() for name in finished} == finished
    assert (run / "report" / "index.html").exists()
    assert (run / "export" / "best.yaml").exists()
    study = load_study(run / "study.yaml")
    for trial in load_results(run).trials:
        if trial.identity.phase == "search":
            assert trial.values == propose(study, trial.identity.arm, trial.identity.number, ()).values
        alone = Trial.open(tmp_path / "alone" / trial.id, trial.identity, TrialConfig.model_validate(trial.config))
        while not alone.done:
            alone.step()
        expected, found = read_record(tmp_path / "alone" / trial.id), trial.record
        assert expected is not None
        assert found is not None
        for one, other in zip(found.states, expected.states, strict=True):
            assert [getattr(one, name) for name in LASTING] == [getattr(other, name) for name in LASTING], trial.id


def test_asked_once_a_sweep_leaves_within_an_epoch_and_goes_on_there(tmp_path: Path) -> None:
    changes = {
        "search": {"algorithm": "random", "trials_per_arm": 1},
        "resources": {"gpus_per_trial": 0, "max_concurrent": 1, "share": False, "checkpoint_steps": 1},
    }
    (tmp_path / "real.yaml").write_text(yaml_file.dump({**STUDY, **changes}), encoding="utf-8")
    run = tmp_path / "runs" / "real"
    sweep = start(ASKED_TO_LEAVE, tmp_path, "sweep", "real.yaml", "--json")
    assert sweep.returncode == 130, sweep.stderr
    assert "once more to leave now" in sweep.stderr
    left = next(trial for trial in load_results(run).trials if trial.record is not None)
    assert (left.status, len(left.record.epochs if left.record else ())) == ("interrupted", 2)
    checkpoint = load_checkpoint(left.folder).checkpoint
    assert checkpoint is not None
    # The signal comes while the driver is told of a step, and so before or after the trial was asked for its next one.
    assert len(checkpoint.begun["losses"]) in (1, 2)

    resume = start(PROGRAM, tmp_path, "resume", str(run), "--json")
    assert resume.returncode == 0, resume.stderr
    for trial in load_results(run).trials:
        alone = Trial.open(tmp_path / "alone" / trial.id, trial.identity, TrialConfig.model_validate(trial.config))
        while not alone.done:
            alone.step()
        assert trial.status == "finished"
        assert numbers(trial.folder) == numbers(tmp_path / "alone" / trial.id)
