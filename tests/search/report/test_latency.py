"""Which networks' latencies a report shows: each structure measured once, in turns, and none whose code is gone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models import save_load
from models.turns import ROUNDS, all_in_turns
from search.evidence.comparison import compare
from search.report.latency import latencies as kept_latencies
from search.report.latency import measuring
from search.report.latency.latencies import FILE, latencies
from search.report.latency.measuring import NO_TIME, Timing
from search.report.latency.networks import MOST, Network, networks_of, spread, to_measure
from search.report.page import run_plots, run_report
from search.report.plots.latency import latency_plot
from search.report.rendering import render
from search.run.candidates import all_candidates
from search.run.results import RunResults, load_results
from tests.search.made_runs import MadeRun, falling


def with_spec(tmp_path: Path, *arms: str) -> RunResults:
    """A finished run whose records say which network they are of."""
    names = arms or ("rsst",)
    search = {"search": {"trials_per_arm": 1}}
    made = MadeRun(tmp_path / "run", arms={name: {"prune.method": name} for name in names}, study=search)
    from models.networks.registry import resolve_spec

    for name in names:
        record = made.add(name, falling(0.9)) / "record.jsonl"
        header, *rest = record.read_text(encoding="utf-8").splitlines()
        told = json.loads(header) | {"spec": resolve_spec("vit_micro", 10, 8, 1).to_json()}
        record.write_text("\n".join([json.dumps(told), *rest, ""]), encoding="utf-8")
    return load_results(made.path)


def states_of(found: Any) -> list[int]:
    return [one.state.state for one, _ in found.of]


def test_latency_is_measured_once_and_kept_with_the_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = with_spec(tmp_path)
    assert results.complete
    found = latencies(results, tmp_path)
    assert found is not None
    assert states_of(found) == [3, 0, 1, 2]
    assert all(0 < timing.low <= timing.ms <= timing.high for _, timing in found.of)
    kept = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    assert (kept["batch"], kept["threads"]) == (1, 1)
    assert kept["processor"] in found.place
    monkeypatch.setattr(measuring, "forward_pass", lambda candidate: pytest.fail("measured twice"))
    assert latencies(results, tmp_path) == found
    monkeypatch.setattr(kept_latencies, "processor", lambda: "another")
    monkeypatch.setattr(measuring, "forward_pass", lambda candidate: lambda: None)
    again = latencies(results, tmp_path)
    assert again is not None
    assert max(timing.ms for _, timing in again.of) < min(timing.ms for _, timing in found.of)
    plot = latency_plot(results, again)
    assert plot is not None
    assert "another, one image at a time, one thread" in plot.caption


def test_one_structure_has_one_latency_in_every_arm_and_its_interval_is_drawn(tmp_path: Path) -> None:
    results = with_spec(tmp_path, "refill", "rsst")
    found = latencies(results, tmp_path)
    assert found is not None
    of_state: dict[int, set[Timing]] = {}
    for one, timing in found.of:
        of_state.setdefault(one.state.state, set()).add(timing)
    assert len(found.of) == 8
    assert {len(timings) for timings in of_state.values()} == {1}
    plot = latency_plot(results, found)
    assert plot is not None
    assert plot.chart is not None
    series = plot.chart.panels[0].series
    drawn = {one.x for one in series if one.shape == "line"}
    assert drawn == {(timing.low, timing.high) for _, timing in found.of}
    assert len([one for one in series if one.shape == "line"]) == 8


def test_every_round_runs_all_and_each_is_first_in_turn() -> None:
    seen: list[str] = []
    runs = [lambda name=name: seen.append(name) for name in "abc"]
    medians = all_in_turns(runs, until=0.0, fewest=6)
    assert all(low <= ms <= high for ms, low, high in medians)
    rounds = ["".join(seen[at : at + 3]) for at in range(3, len(seen), 3)]
    assert rounds == ["abc", "acb", "cab", "cba", "bca", "bac"]
    seen.clear()
    all_in_turns(runs, until=float("inf"), fewest=6)
    assert len(seen) == 3 * (ROUNDS + 1)


def gone(spec: Any, structure: Any) -> Any:
    raise RuntimeError("my <b>code</b> is gone")


def test_a_network_that_cannot_be_built_is_left_out_and_the_page_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = with_spec(tmp_path)
    monkeypatch.setattr(save_load, "build_compact", gone)
    report = run_report(results, "run", tmp_path)
    assert "accuracy-by-latency" not in {plot.name for plot in report.plots}
    (sentence,) = report.unmeasured
    assert sentence == (
        "Not measured: rsst-000:3, rsst-000:0, rsst-000:1, rsst-000:2 (RuntimeError: my <b>code</b> is gone)."
    )
    page = render("page.html.j2", {"title": "run", "runs": [report], "static": True})
    assert '<p class="note">Not measured: rsst-000:3' in page
    assert "my &lt;b&gt;code" in page
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("error", [ValueError("once"), SystemExit(3)])
def test_one_that_fails_costs_the_others_nothing_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    results, asked = with_spec(tmp_path), list[int]()

    def pass_of(candidate: Any) -> Any:
        asked.append(candidate.state.state)
        if candidate.state.state == 1:
            raise error
        return lambda: None

    monkeypatch.setattr(measuring, "forward_pass", pass_of)
    found = latencies(results, tmp_path)
    assert found is not None
    assert states_of(found) == [3, 0, 2]
    assert found.left_out == (f"Not measured: rsst-000:1 ({type(error).__name__}: {error}).",)
    asked.clear()
    assert latencies(results, tmp_path) == found
    assert asked == [1]


def test_an_error_in_the_midst_of_measuring_costs_the_figure_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(20))

    def run() -> None:
        if next(left, None) is None:
            raise OSError("device gone")

    monkeypatch.setattr(measuring, "forward_pass", lambda candidate: run)
    found = latencies(with_spec(tmp_path), tmp_path)
    assert found is not None
    assert found.of == ()
    assert "OSError: device gone" in found.left_out[0]


def test_where_time_is_short_the_ends_are_measured_and_the_rest_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = with_spec(tmp_path)
    monkeypatch.setattr(measuring, "SECONDS", 0.0)
    monkeypatch.setattr(measuring, "forward_pass", lambda candidate: lambda: None)
    found = latencies(results, tmp_path)
    assert found is not None
    assert states_of(found) == [3, 0]
    assert found.left_out == (f"Not measured: rsst-000:1, rsst-000:2 ({NO_TIME}).",)
    monkeypatch.setattr(measuring, "forward_pass", lambda candidate: pytest.fail("measured again"))
    assert latencies(results, tmp_path) == found
    assert len(spread(list(all_candidates(results)) * 5)) == MOST


def test_a_network_that_comes_is_measured_with_all_others_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = with_spec(tmp_path)
    *known, new = networks_of(to_measure(results, "rsst"))
    asked = []

    def measured(missing: list[Network], others: list[Network]) -> Any:
        asked.append((missing, others))
        return {one.key: Timing(1.0, 0.5, 2.0) for one in (*missing, *others)}, {}

    monkeypatch.setattr(kept_latencies, "measured_in_turns", measured)
    assert kept_latencies._measured(known, tmp_path / FILE).left_out == ()
    kept_latencies._measured([*known, new], tmp_path / FILE)
    assert asked == [(known, []), ([new], known)]


def test_recorded_latencies_are_taken_as_they_are(tmp_path: Path) -> None:
    results = with_spec(tmp_path)
    record = results.trials[0].record
    assert record is not None
    record.states[:] = [replace(end, latency_ms=1.0 + end.state) for end in record.states]
    found = latencies(results, None)
    assert found is not None
    assert [timing.ms for _, timing in found.of] == [1.0, 2.0, 3.0, 4.0]
    assert found.place == "one processor, one image at a time, one thread, as the trials recorded it"
    record.header["environment"]["gpu"] = "a card"
    results.trials[0].config["measure"]["latency_batch"] = 8
    again = latencies(results, None)
    assert again is not None
    assert again.place == "a card, 8 images at a time, as the trials recorded it"
    plot = latency_plot(results, found)
    assert plot is not None
    assert plot.chart is not None
    assert {one.shape for one in plot.chart.panels[0].series} == {"dots"}


def test_without_records_or_a_place_to_keep_it_nothing_is_measured(tmp_path: Path) -> None:
    assert latencies(with_spec(tmp_path), None) is None
    old = MadeRun(tmp_path / "old")
    old.add("rsst", falling(0.9))
    results = load_results(old.path)
    assert latencies(results, tmp_path) is None
    assert "accuracy-by-latency" not in {plot.name for plot in run_plots(results, compare(results))}
