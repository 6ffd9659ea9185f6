"""What a study file is to come to, however it is written: a study that reads back equal, or one line with what is wrong."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from models.errors import UserError
from search.console import one_line
from search.run.foretold.dense_start import dense_starts
from search.run.foretold.dense_start_text import dense_start_lines
from search.run.plan import plan_of
from search.run.possible.dense_recipe import check_dense_recipe
from search.run.possible.machine import check_machine
from search.study.claims import claim_line
from search.study.compared.arms import arm_warnings
from search.study.corners import corner_values
from search.study.load import load_study
from search.study.objective_rules import check_objective, objective_warnings
from search.study.study import Study

SECONDS = 2.0
"""Of the processor, for one file."""
NEVER_SHOWN = ("Traceback", "<class '", " object at 0x", "ValidationError", "[type=", "Error(")


class TooLongError(BaseException):
    """No Exception, so that nothing on the way takes it for a mistake of the file."""


@contextmanager
def within_seconds(seconds: float) -> Iterator[None]:
    """TooLongError in the block once it has taken so much of the processor."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TooLongError(f"more than {seconds:g} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def judge(path: Path, sets: Sequence[str] = ()) -> Study | str:
    """The study, or what is said of it. Anything else that may come of a file is raised: errors, warnings, and taking long."""
    with within_seconds(SECONDS), warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            study = load_study(path, sets)
            foretell(study)
        except UserError as error:
            return str(error)
    return study


def foretell(study: Study) -> None:
    """What `validate` does with a study as far as nothing is read or built for it."""
    check_objective(study)
    check_machine(study)
    check_dense_recipe(study)
    plan_of(study)
    for arm in study.arms.values():
        for values in corner_values(study, arm):
            arm.config(values).epochs_of_states()
        assert study.space.accepts(study.space.sample(arm.name, seed=0), arm.name)
        if all(parameter.distribution.grid() is not None for parameter in arm.parameters):
            study.space.grid_size(arm.name)
    objective_warnings(study)
    arm_warnings(study)
    claim_line(study)
    dense_start_lines(study, dense_starts(study))


def check_message(message: str, path: Path, sets: Sequence[str] = ()) -> None:
    """For a person, and not too long to be read; it begins with the file or the option."""
    message = one_line(message)
    assert message.isprintable(), message
    assert not [word for word in NEVER_SHOWN if word in message], message
    assert len(message) < 1000, message
    assert message.startswith((str(path), "--set ") if sets else str(path)), message


def check_reads_back(study: Study, folder: Path) -> None:
    """Written out and read again from another folder it is the same study."""
    copy = folder / "written" / "study.yaml"
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(study.to_yaml(), encoding="utf-8")
    again = load_study(copy)
    assert again == study
    assert again.to_yaml() == study.to_yaml()
