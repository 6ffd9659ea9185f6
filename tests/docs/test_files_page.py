"""docs/files.md names the keys that are written: those of a real trial's record, and of the commands' JSON objects."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from search.cli import COMMANDS, main
from tests.configs.files import REPOSITORY
from tests.docs.pages import keys_in, section_of, tables_of
from tests.search.made_runs import two_arm_run
from tests.trainables.small_trials import open_trial, run, small_config
from tests.trainables.teaching.cases import state_file
from trainables.files.generation import Fence, next_generation
from trainables.files.json_lines import complete_lines
from trainables.files.record import STATUSES, Identity, end_line, record_path
from trainables.trial import Trial

OLD_RUN = REPOSITORY / "tests" / "data" / "old_run"
JSON_KEYS = {row[0]: keys_in(row[1]) for row in tables_of(section_of("files.md", "## `--json`"))[0][1:]}
"""The first column as it stands, commands between backticks → the keys of the second."""


def first_column(heading: str) -> set[str]:
    return {key for row in tables_of(section_of("files.md", heading))[0][1:] for key in keys_in(row[0])}


def said_of(command: str) -> set[str]:
    (keys,) = [keys for cell, keys in JSON_KEYS.items() if f"`{command}`" in cell]
    return keys


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("trial")
    config, fence = small_config(prune={"method": "refill", "compensate": "least_squares"}), Fence(folder, 1)
    next_generation(folder)
    for _ in range(2):
        trial = Trial.open(folder, Identity("t-000", "t"), config, guard=fence)
        trial.step()
    run(trial)
    return complete_lines(record_path(folder))


@pytest.mark.parametrize("kind", ["config", "launch", "epoch", "state"])
def test_keys_of_a_records_lines(record: list[dict[str, Any]], kind: str) -> None:
    written = {key for line in record if line["kind"] == kind for key in line}
    # The trial took over nothing, has no outside teacher and no part of a user's own, cuts no batch, has none of TwistNet's
    # blocks, and on a CPU records no steps to replay them.
    elsewhere = {"taken_from", "graph", "teacher", "parts", "micro_batches", "inside"}
    assert first_column(f"### `{kind}`") - elsewhere == written - elsewhere


def test_keys_within_the_first_line(record: list[dict[str, Any]]) -> None:
    rows = {cells[0]: cells[1] for cells in tables_of(section_of("files.md", "### `config`"))[0][1:]}
    for key in ("identity", "weights", "data", "spec", "dense", "environment"):
        assert set(record[0][key]) <= keys_in(rows[f"`{key}`"]), key


def test_keys_of_a_teacher(tmp_path: Path) -> None:
    teacher = {"init": {"source": "path", "path": str(state_file(tmp_path / "teacher.safetensors"))}}
    trial = open_trial(tmp_path / "trial", train={"distill": {"weight": 0.5, "teacher": teacher}})
    trial.close()
    told = complete_lines(record_path(tmp_path / "trial"))[0]["teacher"]
    rows = {cells[0]: cells[1] for cells in tables_of(section_of("files.md", "### `config`"))[0][1:]}
    assert {*told, *told["probe"]} == keys_in(rows["`teacher`"])


def test_keys_of_a_removal(record: list[dict[str, Any]]) -> None:
    rows = {cells[0]: cells[1] for cells in tables_of(section_of("files.md", "### `state`"))[0][1:]}
    removals = [line["removal"] for line in record if line["kind"] == "state" and line["removal"]]
    assert removals
    assert set(removals[0]) == keys_in(rows["`removal`"])
    repairs = [one for line in record if line["kind"] == "state" and line["repair"] for one in line["repair"].values()]
    assert {key for one in repairs for key in one} == keys_in(rows["`repair`"])


def test_keys_of_an_end(record: list[dict[str, Any]]) -> None:
    assert {*record[-1], *end_line("stopped", reason="")} <= first_column("### `end`")
    assert {"reason", "error", "state", "step"} <= first_column("### `end`")


def test_keys_of_the_manifest() -> None:
    manifest = json.loads((OLD_RUN / "manifest.json").read_text(encoding="utf-8"))
    said = keys_in(section_of("files.md", "## `manifest.json`"))
    assert set(manifest) <= said
    assert set(manifest["launches"][0]) <= said
    assert {"grown", "foundations"} <= said


def test_keys_of_a_trials_request() -> None:
    request = json.loads((OLD_RUN / "trials" / "rsst-000" / "trial.json").read_text(encoding="utf-8"))
    assert set(request) == keys_in(section_of("files.md", "## `trial.json`"))


def test_every_status_of_a_trial_is_explained() -> None:
    assert first_column("## Statuses of a trial") == set(STATUSES)


def test_every_exit_status_is_explained() -> None:
    shown = [row[0] for row in tables_of(section_of("files.md", "## Exit statuses"))[0][1:]]
    assert shown == ["0", "1", "2", "130"]


def test_every_command_with_json_is_listed() -> None:
    assert {word.split()[0] for cell in JSON_KEYS for word in re.findall(r"`([^`]+)`", cell)} == set(COMMANDS)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What three commands print of one run."""
    path = tmp_path_factory.mktemp("runs") / "run"
    two_arm_run(path, seeds=2)
    answers = {}
    for command in ("status", "compare", "pareto"):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            assert main([command, str(path), "--json"]) == 0
        answers[command] = json.loads(printed.getvalue())
    return answers


@pytest.mark.parametrize("command", ["status", "compare", "pareto"])
def test_keys_of_a_commands_json(shown: dict[str, dict[str, Any]], command: str) -> None:
    assert set(shown[command]) == said_of(command) | {"schema_version"}


def test_keys_within_the_objects(shown: dict[str, dict[str, Any]]) -> None:
    said = {line.split(":", 1)[0]: keys_in(line) for line in _items(section_of("files.md", "## `--json`"))}
    status, compare, pareto = shown["status"], shown["compare"], shown["pareto"]
    trial = status["trials"][0]
    assert {*trial, *trial["metrics"], *status["best"], *status["arms"]["rsst"]} <= said["- `status`"]
    arm = compare["arms"]["rsst"]
    assert {*arm, *arm["confirmed"], *compare["primary"][0], *compare["test"]} <= said["- `compare`"]
    assert set(pareto["front"][0]) <= said["- `pareto` and `export`"]


def test_status_never_shows_test_accuracy_as_the_page_says(shown: dict[str, dict[str, Any]]) -> None:
    assert "Never test accuracy" in section_of("files.md", "## `--json`")
    assert "test_accuracy" not in json.dumps(shown["status"])


def _items(text: str) -> list[str]:
    """The entries of a list, each on one line."""
    return [" ".join(item.split()) for item in re.findall(r"^- .*(?:\n  .*)*", text, re.MULTILINE)]
