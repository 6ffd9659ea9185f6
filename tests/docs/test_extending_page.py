"""docs/extending.md: its five parts, as they stand there, in one study that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models.own_parts.places import ENVIRONMENT_KEY, look_in
from models.save_load import load
from pruning.catalogue import CRITERIA
from search.run.preflight import check_study
from search.study.load import load_study
from tests.configs.files import DOCS
from tests.pruning.method_contract import check_contract
from trainables.config.own import own_parts
from trainables.files.record import Identity, read_record
from trainables.trial import Trial

TEXT = (DOCS / "extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`(my_\w+\.py)`:\n\n```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL))


@pytest.fixture
def study_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's study beside its files; the working folder is another one."""
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    study = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert study
    (tmp_path / "mine.yaml").write_text(study[1], encoding="utf-8")
    return tmp_path / "mine.yaml"


def test_five_parts_of_under_sixty_lines() -> None:
    assert set(FILES) == {f"my_{part}.py" for part in ("net", "criteria", "methods", "schedules", "data")}
    assert all(text.count("\n") < 60 for text in FILES.values())


def test_the_study_is_valid_and_its_parts_are_told_apart_from_ours(study_file: Path) -> None:
    study = load_study(study_file)
    found = check_study(study).starting_points
    names = {one: set(start.parts["origins"]) for one, start in found.items() if start.parts}
    stated = {"my_net.py:SmallNet", "my_data:STRIPES", "my_criteria:contribution", "my_schedules:late"}
    assert names == {"refill": stated, "fading": stated | {"my_methods:Fading"}}
    assert "channels" in found["fading"].reach


def test_the_method_and_the_schedule_keep_the_contract_of_ours(study_file: Path) -> None:
    look_in(study_file.parent)
    check_contract("my_methods:Fading")
    assert CRITERIA["my_criteria:contribution"].needs_loss


@pytest.mark.slow
def test_a_trial_runs_with_all_five_and_its_network_is_loaded(study_file: Path, tmp_path: Path) -> None:
    config = load_study(study_file).arms["fading"].config()
    folder = tmp_path / "trial"
    trial = Trial.open(folder, Identity("fading", "fading"), config)
    while not trial.done:
        trial.step()
    record = read_record(folder)
    assert record is not None
    assert record.status == "finished"
    assert [end.kept["channel"] for end in record.states] == [64, 56, 32]
    assert {key: one["reference"] for key, one in record.header["parts"].items()} == {
        key: origin.reference for key, origin in own_parts(config).items()
    }
    network = load(folder / str(record.states[-1].file), own_code=record.header["config"]["model"]["arch"])
    assert [block.first.out_channels for block in network.blocks] != [32, 32]  # type: ignore[union-attr]
