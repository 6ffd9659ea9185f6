"""What a card says of the dense network that it compares with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from models.preprocessing import Preprocessing
from models.save_load import LoadedModel
from models.spec import ModelSpec
from models.units.structure import GroupStructure, Structure
from search.evidence.by_class import accuracy_by_class
from search.evidence.paired.images import predictions
from search.export.beside_dense import beside_dense_text, equally_long
from search.export.deployed import Deployed, deployed
from search.export.model_card import model_card, rows_by_class
from search.run.candidates import Candidate
from search.run.results import RunResults, load_results
from tests.search.made_runs import MadeRun, falling

FULL = Structure({"layer3.0.conv1": GroupStructure("channel", 4, (0, 1, 2, 3))})
CUT = Structure({"layer3.0.conv1": GroupStructure("channel", 4, (0, 3))})
UNKNOWN = Deployed(None, None)
TOLD = {"ms": 3.0, "dense_ms": 6.0, "ratio": 0.5, "low": 0.4, "high": 0.6, "differs": True}
"""Latency of a network and of its dense one."""


def card(folder: Path, arm: str, structure: Structure, latency: dict[str, Any], told: Deployed = UNKNOWN) -> str:
    """Of a network of the arm's last state; the weights, data and exporter's measurements are as an export gives them."""
    made = MadeRun(folder, arms={"whole": {"prune.method": "dense"}, "cut": {"prune.method": "refill"}})
    made.add(arm, [0.9, 0.9], removed=(0.0, 0.0 if structure is FULL else 50.0))
    results = load_results(made.path)
    (trial,) = results.trials
    assert trial.record is not None
    spec = ModelSpec("twistnet18", 10, 32, 3, None, {"first_order": True})
    header, expected = trial.record.header, {"val_accuracy": 0.9}
    provenance = {"run": "run", "commit": "e" * 40, "versions": {}, "expected": expected}
    provenance |= {part: header[part] for part in ("weights", "data")}
    checks = {
        "latency": {"torch": latency},
        "processor": "one",
        "threads": 1,
        "pt2_difference": 0.0,
        "onnx_difference": 0.0,
        "onnx_versions": {"opset": 20, "ir": 10},
    }
    parts = LoadedModel(spec, structure, {}, {})
    return model_card(
        results, Candidate(trial, trial.last), parts, told, provenance, checks, "by highest validation accuracy"
    )


def test_a_whole_network_is_named_and_compared_with_no_dense_one(tmp_path: Path) -> None:
    text = card(tmp_path / "run", "whole", FULL, {"ms": 6.348})
    assert text.strip().startswith("# made: twistnet18_first_order, nothing removed\n")
    assert (
        "A `twistnet18_first_order` with nothing removed (arm `whole`, method `dense`, state 1 of trial `whole-000`)"
    ) in text
    assert "| latency in torch, ms | 6.348 |" in text
    assert not [word for word in ("dense network", "times as long", "cut down", "What is left") if word in text]


def test_a_network_that_was_cut_is_compared_with_its_dense_one(tmp_path: Path) -> None:
    text = card(tmp_path / "run", "cut", CUT, TOLD)
    assert text.strip().startswith("# made: twistnet18_first_order, 50.0 % removed")
    assert "A `twistnet18_first_order` cut down by structured pruning (arm `cut`, method `refill`, state 1" in text
    assert "| latency in torch, ms | 3.000 (0.50 times as long [0.40, 0.60]) | 6.000 |" in text
    assert "## What is left" in text


NONE = (
    "No arm of the run trained this network on these images for as long with nothing removed; "
    "`dense: {prune.method: dense}` under"
)


@pytest.fixture
def results(tmp_path: Path) -> RunResults:
    made = MadeRun(tmp_path / "run", arms={"rsst": {"prune.method": "rsst"}, "dense": {"prune.method": "dense"}})
    made.add("rsst", falling(0.9), seed=101, confirm=True)
    for seed, last in ((101, 0.96), (102, 0.98)):
        made.add("dense", [0.95, 0.95, 0.95, last], removed=(0.0,) * 4, seed=seed, confirm=True)
    return load_results(made.path)


def test_a_state_0_of_fewer_epochs_is_said_to_be_one_beside_a_dense_network_of_equal_epochs(
    results: RunResults,
) -> None:
    trial = results.confirmed("rsst")[0]
    said = beside_dense_text(Candidate(trial, trial.last), equally_long(results, Candidate(trial, trial.last)))
    assert "state 0, trained for 2 epochs where this network was trained for 8" in said
    assert "with nothing removed, arm `dense` has 96.00 % validation (trial dense-confirm-s101)" in said, "of its seed"
    apart = trial.last.val_accuracy - 0.96
    assert f"this network is {100 * apart:+.2f} points from it" in said


def test_state_0_itself_is_compared_with_nothing_trained_for_longer(results: RunResults) -> None:
    trial = results.confirmed("rsst")[0]
    assert (
        beside_dense_text(Candidate(trial, trial.states[0]), equally_long(results, Candidate(trial, trial.states[0])))
        == ""
    )


def test_a_run_without_a_dense_arm_says_that_it_has_none(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("rsst", falling(0.9))
    results = load_results(made.path)
    trial = results.trials[0]
    said = beside_dense_text(Candidate(trial, trial.last), equally_long(results, Candidate(trial, trial.last)))
    assert NONE in said


def test_classes_and_preprocessing_are_told_in_words_or_said_to_be_unknown(tmp_path: Path) -> None:
    unknown = card(tmp_path / "unknown", "cut", CUT, TOLD)
    assert "Classes: 10; class names were not recorded" in unknown
    assert "What an image has to go through was not recorded: `preprocessing.py` cannot do it" in unknown
    assert unknown.count("print(label)") == 3
    preprocessing = Preprocessing(32, 3, "crop", (0.4, 0.5, 0.6), (0.2, 0.2, 0.2))
    told = card(tmp_path / "told", "cut", CUT, TOLD, Deployed(("bird", "cat"), preprocessing))
    assert "Classes: 0 bird, 1 cat." in told
    assert "Input: float32 images (batch, 3, 32, 32). An image is turned upright as its EXIF says" in told
    assert preprocessing.words() in told
    assert told.count("[label]") == 3
    assert "(opset 20, IR version 10; input `images`, output `logits`)" in told
    many = card(tmp_path / "many", "cut", CUT, TOLD, Deployed(tuple(map(str, range(100, 150))), preprocessing))
    assert "Classes: 10, from 0 100 to 9 149; all of them stand, as `class_names`, in the header" in many


def test_a_class_of_any_name_is_one_cell_and_one_line(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    made.add("rsst", falling(0.9), predictions=[number % 3 > 0 for number in range(60)])
    (trial,) = load_results(made.path).trials
    names = ("a | b", "two\nlines\u2028of it", "<b>", "R&amp;D", "`rm`", "end\\", "*x*", *"hij")
    rows = rows_by_class(Candidate(trial, trial.last), Deployed(names, None))["rows"]
    cells = [re.split(r"(?<!\\)\|", row) for row in rows]
    assert [len(one) for one in cells] == [6] * 10
    assert [one[1].strip() for one in cells][:7] == [
        r"a \| b", "two lines of it", "&lt;b>", "R&amp;amp;D", r"\`rm\`", "end" + 2 * "\\", r"\*x\*",
    ]  # fmt: skip


def test_accuracy_by_class_is_that_of_the_predictions(tmp_path: Path) -> None:
    made = MadeRun(tmp_path / "run")
    right = [number % 3 > 0 for number in range(60)]
    made.add("rsst", falling(0.9), predictions=right)
    (trial,) = load_results(made.path).trials
    found = accuracy_by_class(Candidate(trial, trial.last))
    kept = predictions(trial, trial.last.state)
    assert kept is not None
    for one in found:
        of_class = [bool(same) for same, label in zip(kept[0] == kept[1], kept[1], strict=True) if label == one.label]
        assert (one.images, one.right) == (len(of_class), sum(of_class))
    assert sum(one.right for one in found) == sum(right)
    assert accuracy_by_class(Candidate(trial, trial.states[0])) == []


@pytest.mark.parametrize("name", ["digits", "dtd", "image_folder"])
def test_of_a_state_that_tells_its_normalisation_alone_the_preprocessing_is_known_of_sets_in_memory(name: str) -> None:
    spec, scale = ModelSpec("twistnet18", 10, 32, 1), {"mean": [0.5], "std": [0.25]}
    old = LoadedModel(spec, FULL, {}, {"normalisation": scale, "data": {"name": name}})
    known = Preprocessing(32, 1, "stretch", (0.5,), (0.25,)) if name == "digits" else None
    assert deployed(old, "a:0") == Deployed(None, known)
    assert deployed(LoadedModel(spec, FULL, {}, {}), "a:0") == UNKNOWN
    told = Preprocessing(24, 1, "crop", (0.1,), (0.2,))
    new = {"preprocessing": told.to_json(), "class_names": ["a", "b"], **old.metadata}
    assert deployed(LoadedModel(spec, FULL, {}, new), "a:0") == Deployed(("a", "b"), told)
