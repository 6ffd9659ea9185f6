"""A driver that was cut off while another took its run over, drove it and left: it does not come back."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from models.errors import WorkFailed
from search.run.driving.hold import TakenOver
from search.run.folder import RunFolder
from tests.search.run.driving.others import lease_of_another_machine
from trainables.files.generation import next_generation, read_generation


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def another_drives_and_leaves(run: RunFolder) -> None:
    lease = lease_of_another_machine(run.path)
    next_generation(run.path)
    lease.unlink()


def test_it_notices_and_takes_nothing_back(run: RunFolder) -> None:
    told: list[str] = []
    with run.held() as hold:
        hold.when_lost(told.append)
        assert hold.launch(run.begin_launch) == 1
        another_drives_and_leaves(run)
        assert hold.lost()
        with pytest.raises(
            TakenOver, match=r"launch 2 has taken this run over; this one has left it, and writes nothing"
        ):
            hold.check()
        assert not (run.path / ".driver").exists()
    assert told == ["launch 2 has taken this run over"]
    with run.driven() as generation:
        assert generation == 3


def test_a_lease_of_its_own_is_none_any_more_once_there_is_a_newer_launch(run: RunFolder) -> None:
    with run.held() as hold:
        hold.launch(run.begin_launch)
        os.utime(run.path / ".driver", (1, 1))
        next_generation(run.path)
        assert hold.lost()
        assert (run.path / ".driver").stat().st_mtime == 1


def test_what_it_read_before_the_other_launch_it_begins_none_with(run: RunFolder) -> None:
    with run.held() as hold:
        hold.knows(read_generation(run.path))
        another_drives_and_leaves(run)
        with pytest.raises(TakenOver, match="launch 1 has taken this run over"):
            hold.launch(partial(run.begin_launch, 0))
    assert read_generation(run.path) == 1


def test_a_lease_that_is_gone_alone_is_written_again(run: RunFolder) -> None:
    with run.held() as hold:
        hold.launch(run.begin_launch)
        for content in ("1\n", "damaged"):
            (run.path / "generation").write_text(content)
            (run.path / ".driver").unlink(missing_ok=True)
            assert not hold.lost()
            assert (run.path / ".driver").exists() == (content == "1\n")
        (run.path / "generation").write_text("1\n")
        hold.check()
        assert (run.path / ".driver").exists()


def test_a_write_that_is_fenced_ends_in_one_line(run: RunFolder) -> None:
    def go_on() -> None:
        with run.driven() as generation:
            another_drives_and_leaves(run)
            run.fence(generation)()

    with pytest.raises(TakenOver, match=r"launch 1 is over, launch 2 drives the run now; this one has left") as caught:
        go_on()
    assert isinstance(caught.value, WorkFailed)
    assert caught.value.exit_status == 1
