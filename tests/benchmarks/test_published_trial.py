"""The published trial's projection: its formulas, and that its code runs on a small network."""

from __future__ import annotations

import pytest

from benchmarks.published_trial import Case, in_turns, lines, measure
from benchmarks.support.projection import Ceilings, Seconds, Size, Whole, least_hours, least_step, projected_hours

WHOLE = Whole(epochs=60, steps=352, val=5000, test=10_000)
DENSE, MIDDLE, LAST = Size(1420, 21), Size(920, 14), Size(420, 6)


def test_hours_are_those_of_all_epochs_and_evaluations() -> None:
    measured = [(DENSE, Seconds(0.030, 1e-4, 3e-4)), (LAST, Seconds(0.010, 5e-5, 1e-4))]
    found = projected_hours(WHOLE, [DENSE, MIDDLE, LAST], measured)
    of_steps = 60 * 352 * (0.030 + 0.020 + 0.010)
    of_evaluations = 59 * 5000 * (1e-4 + 7.5e-5 + 5e-5) + 15_000 * (3e-4 + 2e-4 + 1e-4)
    assert found == pytest.approx((of_steps + of_evaluations) / 3600)
    assert projected_hours(WHOLE, [DENSE] * 2, measured[:1]) == pytest.approx(
        2 * (60 * 352 * 0.030 + 59 * 0.5 + 15_000 * 3e-4) / 3600
    )


def test_the_floor_is_arithmetic_and_then_traffic() -> None:
    size, ceilings = Size(1_420_000_000, 21_340_000), Ceilings(rate=100e12, bandwidth=1e12)
    step = 6 * 1.42e9 * 128 / 100e12
    assert least_step(size, 128, "sgd", ceilings) == pytest.approx(step + 20 * 21.34e6 / 1e12)
    assert least_step(size, 128, "adamw", ceilings) == pytest.approx(step + 28 * 21.34e6 / 1e12)
    hours = least_hours(WHOLE, [size, size], 128, "sgd", ceilings)
    assert hours == pytest.approx(2 * 60 * 352 * least_step(size, 128, "sgd", ceilings) / 3600)


def test_loops_take_turns_and_what_comes_first_is_not_timed() -> None:
    calls: list[tuple[str, int]] = []
    seconds = iter([0.0, 0.2, 1.0, 1.1, 2.0, 2.3, 3.0, 3.4])
    loops = {name: lambda number, name=name: calls.append((name, number)) for name in ("never", "always")}
    found = in_turns(loops, steps=5, rounds=2, clock=lambda: next(seconds))  # type: ignore[arg-type]  # they give None
    # Two epochs of five steps: time for warming up, the check, and the replays that are timed.
    assert calls[:4] == [("never", 0), ("never", 1), ("always", 0), ("always", 1)]
    assert calls[4:] == [("never", 2), ("always", 2), ("always", 3), ("never", 3)]
    assert found == pytest.approx({"never": (0.2 + 0.4) / 2 / 5, "always": (0.1 + 0.3) / 2 / 5})


def test_it_runs_the_trials_own_states_and_tells_what_it_ran_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.published_trial.peak_rate", lambda precision, device: 1e13)
    monkeypatch.setattr("benchmarks.published_trial.bandwidth", lambda device: 1e12)
    found = measure(Case("vit_micro", 8, 2, batch_size=8, steps=1, device="cpu", precision="float32"), [], 2)
    dense, last = found["states"]
    assert (dense["state"], last["state"]) == (0, 15)
    assert 0.2 < last["macs"] / dense["macs"] < 0.5
    assert last["params"] < dense["params"]
    assert all(row["seconds_of_step"]["never"] > row["floor_of_step"] > 0 for row in found["states"])
    assert found["hours"].keys() == {"never"}, "there is nothing to replay on a CPU"
    assert found["hours"]["never"] > found["floor_hours"] > 0
    text = lines(found)
    assert text[0].startswith("on a CPU, one thread in float32: ")
    assert [line.split()[0] for line in text[3:5]] == ["0", "15"]
    assert text[-1].startswith("the whole trial, projected: ")
    with_replays = {**found, "hours": {"never": 2.0, "always": 0.25}}
    for row in with_replays["states"]:
        row["seconds_of_step"]["always"] = 0.001
    assert "2 h eagerly, 0.25 h replayed, floor " in lines(with_replays)[-1]
    assert "      1.00" in lines(with_replays)[3]
