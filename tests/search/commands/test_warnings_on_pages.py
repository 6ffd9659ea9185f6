"""What a trial's record warns of stands wherever its figures are shown."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import pytest

from models.save_load import LoadedModel
from models.spec import ModelSpec
from models.units.structure import Structure
from search import cli
from search.export.best_study import provenance_of
from search.export.deployed import deployed
from search.export.model_card import model_card
from search.run.candidates import named_state
from search.run.results import load_results
from tests.search.made_runs import MadeRun, falling

OF_TRIAL = "gradient coupling: adamw divides the penalty away"
OF_STATE = "the penalty did not act: 0.89 is left of D"
TURNS = {"ms": 1.0, "dense_ms": 2.0, "ratio": 0.5, "low": 0.4, "high": 0.6, "differs": True, "text": ""}
CHECKS = {
    "latency": {"torch": TURNS},
    "processor": "one",
    "threads": 1,
    "onnx_difference": 0.0,
    "onnx_versions": {"opset": 20, "ir": 10},
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    made = MadeRun(tmp_path / "run")
    made.add("refill", falling(0.9))
    for number in range(3):
        made.add("rsst", falling(0.8), number=number, warnings=[OF_TRIAL], warnings_of_states={2: [OF_STATE]})
    return made.path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.main(list(arguments)) == 0
    return capsys.readouterr().out


LINES = [
    f"rsst: {OF_TRIAL} (rsst-000 and 2 more trials)",
    f"rsst: state 2: {OF_STATE} (rsst-000 and 2 more trials)",
]


@pytest.mark.parametrize("command", ["compare", "status"])
def test_the_terminal_and_the_json_show_them(command: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, command, str(run))
    assert all(f"\nwarning: {line}\n" in text for line in LINES)
    found = json.loads(printed(capsys, command, str(run), "--json"))["warnings"]
    trials = ["rsst-000", "rsst-001", "rsst-002"]
    assert found == [
        {"arm": "rsst", "text": OF_TRIAL, "trials": trials},
        {"arm": "rsst", "text": f"state 2: {OF_STATE}", "trials": trials},
    ]


@pytest.mark.parametrize("command", ["compare", "status", "report"])
def test_arms_that_are_the_same_are_named_beside_every_claim(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = MadeRun(tmp_path / "run", arms={"one": {"prune.method": "rsst"}, "other": {"prune.method": "rsst"}})
    for arm in made.arms:
        made.add(arm, falling(0.9))
    text = printed(capsys, command, str(made.path))
    if command == "report":
        text = (made.path / "report" / "index.html").read_text(encoding="utf-8")
    assert "arms: one and other ask for the same trials, which is an A/A study" in text


def test_the_report_shows_them_right_after_the_verdict(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, "report", str(run))
    page = unescape((run / "report" / "index.html").read_text(encoding="utf-8"))
    after = page[page.index('<p class="verdict">') :].split("<table>")[0].replace("\u00a0", " ")
    assert all(f"<li>{line}</li>" in after for line in LINES)
    assert len(json.loads((run / "report" / "comparison.json").read_text(encoding="utf-8"))["warnings"]) == 2


def test_the_front_shows_those_of_its_own_networks(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = json.loads(printed(capsys, "pareto", str(run), "--json"))
    assert {one["id"] for one in shown["front"]} == {"refill-000"}
    assert shown["warnings"] == []


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("rsst-001:3", [OF_TRIAL, f"state 2: {OF_STATE}"]),
        ("rsst-001:1", [OF_TRIAL]),
        ("refill-000:3", []),
    ],
)
def test_the_card_shows_those_of_its_trial_up_to_its_state(state: str, told: list[str], run: Path) -> None:
    card = card_of(run, state)
    found = [line.removeprefix("- ") for line in card.partition("## Measured")[0].splitlines() if line.startswith("- ")]
    assert found == told
    assert ("## Warnings" in card) == bool(told)
    assert "\n\n\n" not in card


def card_of(run: Path, state: str) -> str:
    results = load_results(run)
    candidate = named_state(results, state)
    spec = ModelSpec("vit_micro", 10, 8, 1, 2, {})
    parts = LoadedModel(spec, Structure.from_json(candidate.state.structure), {}, {"normalisation": None})
    provenance = provenance_of(candidate, results.run, None)
    return model_card(
        results, candidate, parts, deployed(parts, candidate.name), provenance, {**CHECKS, "pt2_difference": 0.0}, None
    )
