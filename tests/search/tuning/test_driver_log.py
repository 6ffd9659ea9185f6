"""What a launch said is in the run's folder, and what Ray Tune said is there alone."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from models.errors import UserError
from search.tuning.driver_log import DRIVER_LOG, DriverLog


def said(run: Path) -> list[str]:
    """Without the times."""
    return [line[20:] for line in (run / DRIVER_LOG).read_text().splitlines()]


def test_each_launch_adds_what_it_says_with_its_command(tmp_path: Path) -> None:
    for number in (1, 2):
        with DriverLog(tmp_path, number, ["prunetune", "sweep"]) as log:
            log.say(f"said by {number}")
            assert said(tmp_path)[-1] == f"said by {number}", "at once, not when it is closed"
    assert said(tmp_path) == [
        "launch 1: prunetune sweep", "said by 1", "launch 2: prunetune sweep", "said by 2",
    ]  # fmt: skip


def test_what_tune_says_is_there_alone_but_not_what_it_counts_for_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tune = logging.getLogger("ray.tune.execution.tune_controller")
    with DriverLog(tmp_path, 1, []):
        tune.warning("an actor was slow")
        logging.getLogger("ray.tune.analysis.experiment_analysis").warning("Failed to fetch metrics")
    assert said(tmp_path)[1:] == ["ray.tune.execution.tune_controller: an actor was slow"]
    assert capsys.readouterr().err == ""
    tune.warning("after the launch")
    assert len(said(tmp_path)) == 2


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UserError("data.root: mend it"), "error: data.root: mend it"),
        (KeyboardInterrupt(), "left at once: interrupted"),
    ],
)
def test_how_a_launch_ended_is_its_last_line(tmp_path: Path, error: BaseException, told: str) -> None:
    with pytest.raises(type(error)), DriverLog(tmp_path, 1, []):
        raise error
    assert said(tmp_path)[1:] == [told]


def test_of_an_error_of_ours_the_traceback_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), DriverLog(tmp_path, 1, []):
        1 / 0  # noqa: B018
    text = (tmp_path / DRIVER_LOG).read_text()
    assert "Traceback" in text
    assert text.rstrip().endswith("ZeroDivisionError: division by zero")


def test_a_full_disk_is_not_told_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / DRIVER_LOG).symlink_to("/dev/full")
    with DriverLog(tmp_path, 1, []) as log:
        log.say("lost")
        logging.getLogger("ray.tune").error("lost as well")
    assert capsys.readouterr().err == ""
