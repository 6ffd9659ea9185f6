"""What the page's script makes of the figures' data: words, lines and cells; where it fails, the drawing for paper stays."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from search.report.page import run_report
from search.report.page_data import page_data
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling
from tests.search.report.by_node import TEMPLATES, run_script

SPACE = {"train.lr": {"log_uniform": [1e-4, 1e-2]}, "prune.criterion": {"choice": ["magnitude", "l2"]}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run's part of the page's data."""
    made = MadeRun(tmp_path_factory.mktemp("scripts") / "run", study={"space": SPACE})
    for arm, base in (("refill", 0.9), ("rsst", 0.94)):
        for number in range(3):
            values = {"train.lr": 0.001 * (1 + number), "prune.criterion": ("magnitude", "l2")[number % 2]}
            made.add(arm, falling(base + number / 100), number=number, values=values)
    (told,) = json.loads(page_data([run_report(load_results(made.path), "run")]))["runs"]
    return dict(told)


def theme(which: str) -> dict[str, str]:
    """The variables of the page's style: those of the dark theme where it is not "light"."""
    light, dark = (TEMPLATES / "style.css").read_text(encoding="utf-8").split("prefers-color-scheme: dark", 1)
    found = re.findall(r"(--[a-z0-9-]+): (#[0-9a-f]{6})", light if which == "light" else dark)
    return dict(found)


def asked(code: str, which: str = "light") -> Any:
    stand_in = (
        f"const variables = {json.dumps(theme(which))}; globalThis.document = {{ documentElement: null }};"
        "globalThis.getComputedStyle = () => ({ getPropertyValue: (name) => ` ${variables[name]}` });"
    )
    return run_script(f"{stand_in} {code}", "traces.js")


def words(run: dict[str, Any], trace: dict[str, Any], axes: dict[str, Any], index: int = 0) -> list[str]:
    code = f"return saidOf({json.dumps(run)}, {json.dumps(trace)}, {index}, {json.dumps(axes)})"
    return str(asked(code)).split("<br>")


def test_a_point_is_named_with_its_place_its_settings_and_its_end() -> None:
    run = {"trials": [["refill-<b>", "refill", "search", 0, "stopped", ["train.lr 0.001", "a <i>"]]]}
    axes = {"xaxis": {"label": "MACs, %"}, "yaxis": {"label": "", "ticktext": ["ant & bee", "cat"]}}
    trace = {"x": [12.34567], "y": [0], "customdata": [[0, 2]], "legendgroup": "refill", "said": ["best so far"]}
    told = words(run, trace, axes)
    assert told[:3] == ["<b>refill-&lt;b&gt;, state 2</b>", "best so far", "MACs, %: 12.35"]
    assert told[3:] == ["ant &amp; bee", "train.lr 0.001", "a &lt;i&gt;", "stopped"]


def test_a_mean_is_named_by_its_group_and_one_of_its_trials() -> None:
    run = {"trials": [["refill-000", "refill", "search", 0, "finished", ["train.lr 0.001"]]]}
    axes = {"xaxis": {"label": "x"}, "yaxis": {"label": "y"}}
    trace = {"x": [1], "y": [2], "customdata": [[0, None]], "legendgroup": "refill", "mean": True}
    assert words(run, trace, axes) == ["<b>refill</b>", "x: 1", "y: 2", "one of them: refill-000"]
    assert words(run, {"x": [1], "y": [2]}, axes) == ["x: 1", "y: 2"]


def parallel(run: dict[str, Any], hidden: list[str], *, narrow: bool = False) -> dict[str, Any]:
    (trace,) = run["charts"]["parallel-coordinates"]["panels"][0]["data"]
    trace = {**trace, "names": ["refill", "rsst"]}
    code = f"return parallelTrace({json.dumps(trace)}, new Set({json.dumps(hidden)}), {json.dumps(narrow)})"
    return dict(asked(code))


def test_a_line_over_the_settings_is_the_stronger_the_more_accurate_in_its_arms_part_of_the_scale(
    run: dict[str, Any],
) -> None:
    drawn = parallel(run, [])
    shades, line = theme("light"), drawn["line"]
    refill, rsst = line["color"][:3], line["color"][3:]
    assert 0 < refill[0] < refill[1] < refill[2] < 1 < rsst[0] < rsst[1] < rsst[2] < line["cmax"] == 2
    places = [place for place, _ in line["colorscale"]]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, 1)
    assert [shade for _, shade in line["colorscale"]][1::2] == [shades["--series-0"], shades["--series-1"]]


def test_hidden_arms_have_no_line_and_a_narrow_page_short_names(run: dict[str, Any]) -> None:
    drawn = parallel(run, ["refill"], narrow=True)
    assert len(drawn["line"]["color"]) == 3
    assert {len(one["values"]) for one in drawn["dimensions"]} == {3}
    assert [one["label"] for one in drawn["dimensions"]] == ["criterion", "lr (log)", "validation accuracy"]
    alone = {"type": "parcoords", "dimensions": [], "groups": [0], "shades": ["var(--series-0)"], "strengths": [1]}
    code = f"return parallelTrace({json.dumps({**alone, 'names': ['one']})}, new Set(), false).line.colorscale"
    assert [place for place, _ in asked(code)] == [0, 1]


def test_colours_are_the_themes_and_hidden_groups_are_not_visible(run: dict[str, Any]) -> None:
    panel = run["charts"]["accuracy-by-macs"]["panels"][0]
    code = (
        f"const [run, panel] = [{json.dumps(run)}, {json.dumps(panel)}];"
        "return panel.data.map((trace) => traceOf(run, trace, panel, new Set(['rsst']), false));"
    )
    for which in ("light", "dark"):
        drawn = asked(code, which)
        assert {one["visible"] for one in drawn if one["legendgroup"] == "rsst"} == {False}
        assert {one["visible"] for one in drawn if one["legendgroup"] == "refill"} == {True}
        colours = {
            one["line"]["color"] for one in drawn if one["legendgroup"] == "refill" and "color" in one.get("line", {})
        }
        assert colours == {theme(which)["--series-0"]}
        assert "var(" not in json.dumps(drawn)
    dots = next(one for one in drawn if one["mode"] == "markers")
    assert dots["hovertext"][0].startswith("<b>refill-000, state 0</b><br>")
    assert len(dots["hovertext"]) == len(dots["x"])


def rgb(shade: str) -> list[int]:
    return [int(shade[at : at + 2], 16) for at in (1, 3, 5)]


def luminance(shade: str) -> float:
    parts = [part / 255 for part in rgb(shade)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(ground: str, ink: str) -> float:
    """Of WCAG 2."""
    low, high = sorted((luminance(ground), luminance(ink)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("which", ["light", "dark"])
def test_a_number_in_a_cell_can_be_read_on_any_shade(which: str) -> None:
    shares, shades = [step / 20 for step in range(21)], theme(which)
    data = [
        {
            "type": "heatmap", "x": shares, "y": shares, "z": shares, "text": ["<9>"] * 21, "legendgroup": "",
            "colorscale": [[0, "var(--paper)"], [1, f"var(--series-{series})"]], "texttemplate": "%{text}",
        }
        for series in range(8)
    ]  # fmt: skip
    panel = {"data": data, "layout": {"xaxis": {"label": ""}, "yaxis": {"label": ""}}}
    drawn = asked(f"return tracesOf({{}}, {json.dumps(panel)}, new Set(), false)", which)
    assert len(drawn) == 16
    assert not any("text" in cells for cells in drawn[:8])
    for series, numbers in enumerate(drawn[8:]):
        assert numbers["text"] == ["&lt;9&gt;"] * 21
        low, high = rgb(shades["--paper"]), rgb(shades[f"--series-{series}"])
        for share, ink in zip(shares, numbers["textfont"]["color"], strict=True):
            ground = [round(a * (1 - share) + b * share) for a, b in zip(low, high, strict=True)]
            assert contrast("#" + "".join(f"{part:02x}" for part in ground), ink) >= 4.45


DRAWN = """
class Element {
  constructor() {
    Object.assign(this, { style: { setProperty() {} }, classes: new Set(), children: [] });
    Object.assign(this, { clientWidth: 900, dataset: { chart: "one" } });
  }
  get classList() { return { add: (name) => this.classes.add(name), remove: (name) => this.classes.delete(name) }; }
  append(...found) { this.children.push(...found); }
  appendChild(one) { this.children.push(one); return one; }
  prepend(one) { this.children.unshift(one); one.parent = this; one.isConnected = true; }
  remove() { this.parent.children.splice(this.parent.children.indexOf(this), 1); this.isConnected = false; }
  querySelector(name) { return name === found ? this : null; }
}
globalThis.document = { createElement: () => new Element(), documentElement: null, body: null };
globalThis.getComputedStyle = () => ({ getPropertyValue: () => "#000000", fontFamily: "" });
console.warn = () => {};
globalThis.tracesOf = () => [];
globalThis.coloured = () => "#000000";
globalThis.window = { Plotly: { react: () => answer() } };
const chart = { panels: [{ data: [], layout: {} }], columns: 1, legend: [], shared: "", height: 100 };
const figure = new Element();
const redraw = await interactive(figure, { charts: { one: chart }, of: {} });
const first = [...figure.classes, figure.children.length];
answer = () => Promise.reject(new Error("later"));
await redraw();
await redraw();
return [first, [...figure.classes, figure.children.length]];
"""


@pytest.mark.parametrize(
    ("answer", "found", "first"),
    [
        ("() => Promise.resolve()", "nothing", ["drawn", 1]),
        ("() => Promise.resolve()", ".no-webgl", [0]),
        ('() => Promise.reject(new Error("no"))', "nothing", [0]),
        ('() => { throw new Error("at once"); }', "nothing", [0]),
    ],
)
def test_the_drawing_for_paper_stays_or_comes_again_where_this_one_fails(
    answer: str, found: str, first: list[Any]
) -> None:
    code = f"let answer = {answer}; const found = {json.dumps(found)}; {DRAWN}"
    assert run_script(code, "figures.js") == [first, [0]]


@pytest.mark.parametrize("context", ["null", "{ getExtension: () => null }"])
def test_without_webgl_parallel_coordinates_are_not_asked_for(context: str) -> None:
    code = f"globalThis.document = {{ createElement: () => ({{ getContext: () => ({context}) }}) }}; return hasWebGl();"
    assert run_script(code, "figures.js") == (context != "null")
