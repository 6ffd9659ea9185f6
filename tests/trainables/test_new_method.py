"""A new method is one class and one line of the catalogue: nothing else in the project has to hear of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from models.errors import UserError
from pruning.allocation import Drop
from pruning.catalogue import METHODS, MethodTraits, RsstConfig, register_method
from pruning.methods import Method, StatePlan
from search.study.load import load_study
from tests.pruning.method_contract import check_contract
from tests.trainables.small_trials import open_trial, run, small_config
from trainables.files.record import StateEnd, read_record

STUDY = """\
name: small
trial:
  model: {arch: vit_micro, init: {source: random}}
  data: {name: digits}
arms:
  refill: {}
  halfway: {prune.method: halfway}
  again: {prune.method: scratch, prune.scratch.arm: halfway}
search: {trials_per_arm: 1}
"""


class Halfway(Method):
    """The drop set trains on, unshrunk, and goes in the middle of the state."""

    def plan(self, drop: Drop, learning_rates: Sequence[float], settings: RsstConfig) -> StatePlan:
        steps = len(learning_rates)
        return StatePlan(shrink=drop, strengths=(0.0,) * steps, remove_after_step=steps // 2) if drop else StatePlan()


def states_of(folder: Path, method: str) -> list[StateEnd]:
    run(open_trial(folder, train={"epochs_per_state": 1}, prune={"method": method}))
    record = read_record(folder)
    assert record is not None
    return record.states


@pytest.fixture
def halfway() -> Iterator[None]:
    register_method(MethodTraits("halfway", f"{__name__}:Halfway", is_control=True))
    yield
    del METHODS.built_in["halfway"]


@pytest.mark.usefixtures("halfway")
def test_a_method_added_by_one_line_keeps_the_contract() -> None:
    check_contract("halfway")


@pytest.mark.usefixtures("halfway")
def test_a_method_added_by_one_line_runs_a_trial(tmp_path: Path) -> None:
    halfway, refill = (states_of(tmp_path / name, name) for name in ("halfway", "refill"))
    assert [state.kept for state in halfway] == [state.kept for state in refill]
    assert halfway[1].removal is not None
    # Half the state was trained before the units went.
    assert halfway[0].training_macs == refill[0].training_macs
    assert halfway[1].training_macs > refill[1].training_macs


@pytest.mark.usefixtures("halfway")
def test_a_study_may_name_it_and_goes_by_its_traits(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(STUDY)
    study = load_study(file)
    assert study.arm("halfway").config().prune.method == "halfway"
    assert study.control_arms() == ("halfway", "again")
    file.write_text(STUDY.replace("{prune.method: halfway}", "{prune.method: halfwy}"))
    with pytest.raises(UserError, match=r"line 7: .*'halfwy' is none of refill, .*, halfway; the nearest is halfway"):
        load_study(file)


def test_without_the_line_it_is_not_known() -> None:
    with pytest.raises(ValidationError, match="'imp'"):
        small_config(prune={"method": "halfway"})
