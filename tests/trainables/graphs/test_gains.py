"""A step is recorded, and a recording kept, only where that gains something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.trainables.graphs.engines import (
    STEPS,
    batches,
    engine,
    graphed,
    trained,
)
from tests.trainables.recorded_capture import RecordedCapture
from trainables.training.graph_costs import FIRST_CAPTURE, FIRST_SHARE, GraphCosts
from trainables.training.step import Alone
from trainables.training.step_graph import WARM_UP


def test_it_is_recorded_only_where_the_steps_that_are_left_repay_it() -> None:
    costs = GraphCosts()
    least = FIRST_CAPTURE / (1 - FIRST_SHARE)
    assert not costs.repays(int(least))
    assert costs.repays(int(least) + 1)
    costs.learn(eager=0.004, replayed=0.001, capture=0.06)
    assert not costs.repays(20)
    assert costs.repays(21), "fifteen eager steps, of which a replay saves three quarters each"
    costs.learn(eager=0.004, replayed=0.0041, capture=0.06)
    assert costs.repays(61), "a smaller network may gain where this one did not"

    capture = RecordedCapture()
    graph = graphed(capture, must=False)
    trained(engine(graph), batches())
    assert capture.recorded == 0
    assert graph.told().notes == (f"not captured: {STEPS - WARM_UP} steps of this network do not repay it",)


def test_it_counts_the_steps_of_this_network_and_not_of_the_state() -> None:
    class Short(Alone):
        def steps_left(self, step: int) -> int:
            return 5 - step

    cheap = GraphCosts(capture=1.0)
    for acting, recorded in ((Short(STEPS), 0), (Alone(STEPS), 1)):
        capture = RecordedCapture()
        trained(engine(graphed(capture, must=False, costs=cheap)), batches(), acting)
        assert capture.recorded == recorded


@pytest.mark.parametrize(("slower", "kept"), [(True, False), (False, True)])
def test_a_recording_that_gains_nothing_is_given_up(slower: bool, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = RecordedCapture()
    costs = GraphCosts(capture=1.0)
    graph = graphed(capture, must=False, costs=costs)
    clock = [0.0]
    monkeypatch.setattr("trainables.training.step_graph.time.perf_counter", lambda: clock[0])
    run, replay = capture.run, capture.replay

    def timed_run(work: Callable[[], Any]) -> Any:
        clock[0] += 0.010
        return run(work)

    def timed_replay() -> None:
        clock[0] += 0.020 if slower else 0.002
        replay()

    monkeypatch.setattr(capture, "run", timed_run)
    monkeypatch.setattr(capture, "replay", timed_replay)
    eager, ours = engine(None), engine(graph)
    assert trained(ours, batches()) == trained(eager, batches())
    [note] = graph.told().notes
    assert note.startswith(f"captured: a step takes {20 if slower else 2} ms replayed and 10 ms eagerly; ")
    assert note.endswith("given up, for it gains nothing") is slower
    assert costs.share == pytest.approx(2.0 if slower else 0.2)
    assert costs.capture == pytest.approx(3.0 if slower else 1.2)
    assert (capture.replays == STEPS - WARM_UP) is kept
