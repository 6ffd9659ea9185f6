"""The page as a browser gets it: nothing fetched, everything named, every value escaped."""

from __future__ import annotations

import base64
import gzip
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from search.report.charts.theme import ROLES
from search.report.rendering import render, tied
from search.report.write import write_report, write_side_by_side
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling, two_arm_run


class Page(HTMLParser):
    """What a page holds that a browser would ask the network for, its ids, and its figures' labels."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.scripts: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str | None] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("link", "img", "iframe"):
            self.fetched.append(tag)
        if tag == "script":
            self.scripts.append(values.get("type") or "text/javascript")
        self.fetched += [
            value for key, value in attrs if key in ("src", "href", "xlink:href") and value and value[0] != "#"
        ]
        self.ids += [values["id"] or ""] if "id" in values else []
        if tag == "svg":
            self.labels.append(values.get("aria-labelledby"))


@pytest.fixture(scope="module")
def text(report: Path) -> str:
    return (report / "index.html").read_text(encoding="utf-8")


def page_of(made: MadeRun) -> str:
    write_report(load_results(made.path), made.path / "report")
    return (made.path / "report" / "index.html").read_text(encoding="utf-8")


def test_the_page_stands_alone(text: str) -> None:
    page = Page(text)
    assert page.fetched == []
    assert "url(http" not in text
    assert len(page.ids) == len(set(page.ids))
    assert page.scripts == ["text/plain", "application/json", "text/javascript"]
    assert len(text) < 3_000_000, "Plotly is packed, and there once"


def test_no_script_of_ours_asks_the_network_for_anything(text: str) -> None:
    own = text[text.rindex("<script>") :]
    assert not re.findall(r"fetch\(|XMLHttpRequest|import\(|WebSocket|sendBeacon|https?:", own)


def test_plotly_is_in_the_page_as_it_was_packed(text: str) -> None:
    packed = re.search(r'<script type="text/plain" id="plotly-packed">([^<]+)</script>', text)
    assert packed is not None
    code = gzip.decompress(base64.b64decode(packed[1]))
    assert code.lstrip().startswith(b"/**\n* plotly.js")


def test_contents_lead_to_every_section(text: str) -> None:
    page = Page(text)
    places = re.findall(r'<li><a href="#([^"]+)">', text)
    assert {"accuracy-against-macs", "accuracy-by-class", "all-trials"} <= set(places)
    assert places == re.findall(r'<section id="([^"]+)">', text)
    assert set(places) <= set(page.ids)


def test_a_static_page_holds_no_script_and_every_trial(report: Path, tmp_path: Path) -> None:
    write_report(load_results(report.parent), tmp_path, static=True)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.scripts == page.fetched == []
    assert "<noscript" not in text
    assert text.count('<td class="text">rsst-confirm-s10') == 8
    assert len(text) < 1_000_000


def test_every_figure_has_a_text_alternative(text: str) -> None:
    page = Page(text)
    assert len(page.labels) >= 6
    assert all(label in page.ids for label in page.labels)
    titles = re.findall(r"<title id=\"[^\"]+\">([^<]+)</title>", text)
    assert all(len(title) > 40 for title in titles)
    assert any("refill: 97.0 % at 0, 9" in title for title in titles)


def test_figures_follow_the_theme(text: str) -> None:
    figures = text[text.index("<svg") :]
    assert not [literal for literal in ROLES if literal in figures]
    assert "var(--series-0)" in figures
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_a_figure_in_the_page_has_the_colours_of_its_file() -> None:
    sheet = render("style.css", {})
    light, dark = sheet.split("prefers-color-scheme: dark", 1)
    assert {literal: variable for literal, variable in ROLES.items() if f"{variable}: {literal};" not in light} == {}
    assert {variable for variable in ROLES.values() if f"{variable}: #" not in dark} == set()


def test_a_variable_that_the_template_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="title"):
        render("page.html.j2", {"runs": []})


def test_the_page_says_verdict_provenance_and_how_to_run_it_again(text: str) -> None:
    assert "rsst is better than refill at 60 % removed by" in text
    assert "chosen by highest mean validation accuracy of 2 confirmed configurations" in text
    assert "source: random" in text
    assert "e" * 40 in text
    assert "prunetune sweep study.yaml" in text


def test_the_study_stands_on_the_page_as_it_was_run(text: str, report: Path) -> None:
    study = re.findall(r"<pre><code>(.*?)</code></pre>", text, re.DOTALL)[-1]
    assert study == load_results(report.parent).study.to_yaml().replace("'", "&#39;")


def test_names_in_a_study_cannot_inject_markup(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run", study={"space": {"prune.criterion": {"choice": ["magnitude", "l2"]}}})
    for arm in ("refill", "rsst"):
        made.add(arm, falling(0.9), values={"prune.criterion": "l2"})
    record = tmp_path / "run" / "trials" / "rsst-000" / "record.jsonl"
    record.write_text(record.read_text().replace("one processor", "<script>alert(1)</script>"))
    text = page_of(made)
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text


@pytest.mark.slow
def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    two_arm_run(tmp_path / "a", seeds=2)
    MadeRun(tmp_path / "b", arms={"rsst": {"prune.method": "rsst"}}).add("rsst", falling(0.9))
    files = write_side_by_side([load_results(tmp_path / name) for name in ("a", "b")], tmp_path / "both")
    assert "b/comparison.json" in files
    assert all((tmp_path / "both" / name).exists() for name in files)
    text = (tmp_path / "both" / "index.html").read_text(encoding="utf-8")
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert "differences between runs are not tested" in text
    assert re.findall(r'<li><a href="#([^"]+)">', text)[-1] == "run-by-run"
    beside = text[: text.index("<h2>Run by run")]
    # Accuracy by removal and by MACs of both; paired differences of the one that has pairs.
    assert beside.count("<svg") == 5
    assert [text.count(f"<summary>{name}: the whole report") for name in ("a", "b")] == [1, 1]


@pytest.mark.slow
def test_controls_and_keys_of_single_arms_find_their_place(tmp_path: Path) -> None:
    arms = {name: {"prune.method": name} for name in ("rsst", "refill", "dense", "imp")}
    space = {
        "train.lr": {"log_uniform": [1e-4, 1e-2], "arms": ["refill", "dense"]},
        "train.epochs_per_state": {"int": [1, 4], "arms": ["rsst", "dense"]},
        "prune.rsst.shrink": {"log_uniform": [1e-4, 0.5], "arms": ["rsst"]},
    }
    made = MadeRun(tmp_path / "run", arms=arms, study={"space": space, "search": {"trials_per_arm": 2}})
    for number in range(2):
        made.add("rsst", falling(0.9 + number / 50), number=number, values={
            "train.epochs_per_state": 1 + number, "prune.rsst.shrink": 0.01 * (1 + number)})  # fmt: skip
        made.add("refill", falling(0.88), number=number, values={"train.lr": 0.001 * (1 + number)})
        dense = {"train.lr": 0.001, "train.epochs_per_state": 2}
        made.add("dense", [0.95] * 4, number=number, removed=(0,) * 4, values=dense)
        made.add("imp", falling(0.91), number=number, values={})
    text = page_of(made)
    assert "best searched configuration is rsst&#39;s" in text
    assert "Learning rate by epochs" not in text
    assert "Every configuration tried" not in text
    assert "A line per finished search trial" in text


def test_one_arm_has_a_report(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run", arms={"rsst": {"prune.method": "rsst"}})
    made.add("rsst", falling(0.9))
    text = page_of(made)
    assert "nothing to compare it with" in text
    assert "Differences, pair by pair" not in text


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("95.73 % [91.56, 99.90]", "95.73~% [91.56,~99.90]"),
        ("1.3 M", "1.3~M"),
        ("× 1.10", "×~1.10"),
        ("[-0.31, +1.20]", "[-0.31,~+1.20]"),
        ("8 heads, 307 neurons", "8 heads, 307 neurons"),
        ("6 (3 stopped)", "6 (3 stopped)"),
    ],
)
def test_a_number_and_its_unit_stay_on_one_line(cell: str, shown: str) -> None:
    assert tied(cell) == shown.replace("~", "\u00a0")
