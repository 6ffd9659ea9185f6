"""`train.first_event`: when the first event comes, at equal epochs in all."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pruning.methods import get_method
from tests.trainables.small_trials import merged, numbers, open_trial, run, small_config
from trainables.config.trial import TrialConfig, divide_epochs
from trainables.files.record import read_record
from trainables.states.penalty_effect import penalty_doubts

RULES = ("equal", "last_heavy", "first_heavy")


def config_of(states: int, **train: Any) -> TrialConfig:
    return small_config(train=train, prune={"schedule": {"states": states}})


@given(
    total=st.integers(1, 300),
    states=st.integers(1, 16),
    rule=st.sampled_from(RULES),
    first=st.none() | st.floats(0.0, 0.99),
    state0=st.none() | st.integers(1, 50),
)
def test_the_epochs_always_sum_to_the_total_and_every_state_has_one(
    total: int, states: int, rule: str, first: float | None, state0: int | None
) -> None:
    own = {} if state0 is None else {"state0": {"epochs": state0}}
    try:
        config = config_of(states, epochs_total=total, epochs_rule=rule, first_event=first, **own)
    except ValidationError:
        before = 0 if first is None else max(int(state0 is None), math.floor(first * total + 0.5))
        divided_over = states + 1 if first is None and state0 is None else states
        assert total - before < divided_over, "refused only where some state would get none"
        return
    epochs = config.epochs_of_states()
    assert sum(epochs) == total + (state0 or 0)
    assert min(epochs) >= 1
    assert len(epochs) == states + config.dense_states
    if first is not None:
        before = sum(epochs[: config.dense_states]) - (state0 or 0)
        assert abs(before - first * total) <= 0.5 + 1e-9 or (before == 1 and state0 is None)
        assert epochs[config.dense_states :] == divide_epochs(total - before, states, rule)


@given(total=st.integers(20, 300), states=st.integers(0, 16), rule=st.sampled_from(RULES))
def test_without_it_a_total_is_divided_as_before(total: int, states: int, rule: str) -> None:
    config = config_of(states, epochs_total=total, epochs_rule=rule)
    assert config.epochs_of_states() == divide_epochs(total, states + 1, rule)
    assert config.dense_states == 1


@given(states=st.integers(1, 10), each=st.integers(1, 9), first=st.integers(1, 9))
def test_without_it_a_trial_with_epochs_for_each_state_is_as_before(states: int, each: int, first: int) -> None:
    config = config_of(states, epochs_per_state=each, epochs_state0=first)
    assert config.epochs_of_states() == (first, *[each] * states)
    assert [config.event_of_state(state) for state in range(states + 1)] == list(range(states + 1))


def test_after_a_common_dense_start_a_dense_state_waits_for_the_event() -> None:
    config = config_of(3, epochs_total=16, first_event=0.25, state0={"epochs": 6})
    assert config.epochs_of_states() == (6, 4, 4, 4, 4)
    assert [config.event_of_state(state) for state in range(5)] == [0, 0, 1, 2, 3]


@pytest.mark.parametrize("first", [None, 0.0, 0.03])
def test_no_wait_is_no_state(first: float | None) -> None:
    config = config_of(3, epochs_total=16, first_event=first, state0={"epochs": 6})
    assert config.epochs_of_states() == (6, 6, 5, 5)
    assert [config.event_of_state(state) for state in range(4)] == [0, 1, 2, 3]


def test_without_a_common_start_state_0_is_as_long_as_it_says() -> None:
    config = config_of(3, epochs_total=16, first_event=0.25)
    assert config.epochs_of_states() == (4, 4, 4, 4)
    assert config_of(3, epochs_total=16, first_event=0.0).epochs_of_states() == (1, 5, 5, 5)


@pytest.mark.parametrize(
    ("states", "train", "message"),
    [
        (2, {"first_event": 0.5}, "a share of train.epochs_total, which is not given"),
        (4, {"first_event": 0.9, "epochs_total": 20}, "0.9 of 20 epochs leaves 2 for 4 states"),
        (0, {"first_event": 0.5, "epochs_total": 20}, "no event comes"),
        (2, {"first_event": 1.0, "epochs_total": 20}, "less than 1"),
    ],
)
def test_a_wait_that_cannot_be_is_refused(states: int, train: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config_of(states, **train)


WAITING: dict[str, Any] = {"train": {"epochs_total": 4, "first_event": 0.5, "state0": {"epochs": 1}}}


@pytest.mark.parametrize("method", ["refill", "rsst", "imp"])
def test_nothing_goes_while_a_trial_waits_and_all_its_events_follow(tmp_path: Path, method: str) -> None:
    run(open_trial(tmp_path, **merged(WAITING, {"prune": {"method": method}})))
    record = read_record(tmp_path)
    assert record is not None
    assert [end.epochs for end in record.states] == [1, 3, 4, 5]
    kept = [end.kept["neuron"] for end in record.states]
    assert kept == ([512] * 4 if method == "imp" else [512, 512, 323, 204])
    assert {line["phase"] for line in record.epochs if line["state"] <= 1} == {"train"}
    assert [end.removal is None for end in record.states] == [True, True, method == "imp", method == "imp"]


def test_the_common_start_is_the_same_however_long_a_trial_waits(tmp_path: Path) -> None:
    run(open_trial(tmp_path / "waits", **WAITING))
    run(open_trial(tmp_path / "at_once", **merged(WAITING, {"train": {"first_event": 0.0}})))
    waits, at_once = (numbers(tmp_path / name) for name in ("waits", "at_once"))
    assert waits[0] == at_once[0]


def test_a_trial_killed_while_it_waits_goes_on_with_the_same_numbers(tmp_path: Path) -> None:
    run(open_trial(tmp_path / "straight", **WAITING))
    broken = open_trial(tmp_path / "broken", **WAITING)
    for _ in range(2):
        broken.step()
    broken.close()
    run(open_trial(tmp_path / "broken", **WAITING))
    assert numbers(tmp_path / "broken") == numbers(tmp_path / "straight")


def test_a_dense_state_is_none_in_which_a_penalty_could_fail() -> None:
    """A wait of one epoch is too short to shrink anything in; the states after it are not."""
    train = {"epochs_total": 61, "first_event": 1 / 61, "state0": {"epochs": 1}, "lr": 1e-3}
    rsst = {"method": "rsst", "rsst": {"lambda_max": 60.0}}
    config = small_config(train=train, prune=rsst)
    assert config.epochs_of_states() == (1, 1, 30, 30)
    method = get_method("rsst")
    assert penalty_doubts(config, method, config.epochs_of_states(), 3) == ()
    at_once = small_config(train={**train, "epochs_total": 2, "first_event": 0.0}, prune=rsst)
    assert penalty_doubts(at_once, method, at_once.epochs_of_states(), 3) != ()
