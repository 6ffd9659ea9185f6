"""Whatever befalls a launch at a write, the run comes to the same numbers, nothing finished is lost, and one line is said."""

from __future__ import annotations

import pytest

from tests.faults.cases import KINDS, Case, Commands, Undisturbed, judge
from tests.faults.matrix import one_of_each, rows_of_page, run_damages, run_matrix

SAMPLE = (
    ("study.yaml", "machine killed"),
    ("trials/*/record.jsonl", "worker killed"),
    ("trials/*/checkpoint/latest.safetensors", "driver killed"),
    ("trials/*/states/*.safetensors", "disk full"),
    ("trials/*/checkpoint/rewind.safetensors", "input/output error"),
    ("export/model.onnx", "machine killed"),
)
"""Of the files and faults that once lost something, or that matter most."""


def cases_of(undisturbed: Undisturbed, file: str, kind: str) -> list[Case]:
    return [case for case in undisturbed.cases() if (case.point.file, case.kind) == (file, kind)]


def test_the_points_are_those_of_the_page(undisturbed: Undisturbed) -> None:
    told = {file for file, count in rows_of_page() if count}
    assert told == {point.file for point in undisturbed.points}, "made anew by `python -m tests.faults.matrix`"


def test_every_fault_can_befall_the_study(undisturbed: Undisturbed) -> None:
    assert undisturbed.epochs == 12, "four trials of four epochs, of which two took the dense start over"
    assert {point.by for point in undisturbed.points} == {"driver", "trial"}
    assert {case.kind for case in undisturbed.cases()} == set(KINDS)


@pytest.mark.parametrize(("file", "kind"), SAMPLE)
def test_a_fault_loses_nothing(commands: Commands, undisturbed: Undisturbed, file: str, kind: str) -> None:
    cases = cases_of(undisturbed, file, kind)
    assert judge(commands, undisturbed, cases[len(cases) // 2]) == []


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_no_fault_of_any_kind_loses_anything(commands: Commands, undisturbed: Undisturbed) -> None:
    cases = one_of_each(undisturbed.cases())
    held, wrong = run_matrix(commands, undisturbed, cases)
    assert wrong == []
    assert sum(counts.total() for counts in held.values()) == len(cases)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_damaged_file_is_survived_or_named(commands: Commands, undisturbed: Undisturbed) -> None:
    _, wrong = run_damages(commands, undisturbed)
    assert wrong == []
