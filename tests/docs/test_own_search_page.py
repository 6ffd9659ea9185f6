"""docs/own-search.md: its examples are short, and do together what the page says of them."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from benchmarks.support.simulation import Simulation
from models.own_parts.places import ENVIRONMENT_KEY
from search.run.views import StateView, TrialView
from search.study.load import load_study
from search.study.searching.callbacks import HOOKS
from search.tuning.callbacks.views import StudyView
from search.tuning.own.checks import check_own_search
from tests.configs.files import REPOSITORY
from tests.docs.pages import keys_in, section_of, tables_of

PAGE = (REPOSITORY / "docs" / "own-search.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, flags=re.DOTALL))
STUDY = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)[0]


@pytest.fixture
def study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "users"
    folder.mkdir()
    for name, text in EXAMPLES.items():
        (folder / name).write_text(text, encoding="utf-8")
    file = folder / "own-search.yaml"
    file.write_text(STUDY, encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    return file


def test_examples_are_short() -> None:
    assert set(EXAMPLES) == {"samplers.py", "rules.py", "diary.py"}
    assert all(len(text.splitlines()) < 40 for text in EXAMPLES.values())


def test_examples_search_stop_and_tell(study_file: Path) -> None:
    study = load_study(study_file)
    assert check_own_search(study) == []
    simulation = Simulation(study, study_file.parent / "runs").go()
    simulation.queue.callbacks.study_ends()
    statuses = simulation.statuses()
    assert set(statuses.values()) == {"finished", "stopped"}
    diary = (study_file.parent / "diary.txt").read_text().splitlines()
    assert sum("state 0" in line for line in diary) == len(statuses) == 16
    for name, status in statuses.items():
        (line,) = [one for one in diary if one.startswith(f"{name} {status}")]
        assert status == "finished" or "rules.py:behind_the_best" in line
    assert diary[-1] == f"own-search is complete, 16 trials in {study_file.parent}/runs/own-search"


def test_the_page_names_what_is_shown_and_when() -> None:
    hooks, shown = section_of("own-search.md", "## Callbacks"), section_of("own-search.md", "## What they are shown")
    (called,), (objects,) = tables_of(hooks), tables_of(shown)
    assert [re.match(r"`(\w+)\(", row[0])[1] for row in called[1:]] == list(HOOKS)  # type: ignore[index]
    for row, view in zip(objects[1:], (TrialView, StateView, StudyView), strict=True):
        assert {one.name for one in fields(view)} <= keys_in(row[1])
        assert not any("test" in key for key in keys_in(row[1]))
