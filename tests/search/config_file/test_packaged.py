"""prunetune's own studies by their bare names, where no file of that name is at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import UserError
from search.study.load import load_study
from search.tuning.pretraining.pretraining_file import load_pretraining
from tests.configs.files import CONFIGS
from tests.search.small_study import small_study


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_a_bare_name_is_ours_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert load_study(Path("quickstart")) == load_study(CONFIGS / "quickstart.yaml")
    told = f"prunetune: there is no file quickstart here; taking prunetune's own, {CONFIGS / 'quickstart.yaml'}\n"
    assert capsys.readouterr().err == told


@pytest.mark.usefixtures("folder")
def test_pretraining_files_are_found_too() -> None:
    assert load_pretraining(Path("pretrain_vit_micro")).output.name == "vit_micro.safetensors"


def test_a_file_that_is_there_comes_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_study(folder).rename(folder / "quickstart")
    assert load_study(Path("quickstart")).name == "small"
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("folder")
def test_a_path_is_never_replaced_but_the_name_is_told() -> None:
    with pytest.raises(UserError, match=r"no such file; `quickstart` alone names prunetune's own file"):
        load_study(Path("configs/quickstart.yaml"))
    with pytest.raises(
        UserError, match=r"^quickstat: there is no such file; the nearest is quickstart, which is prunetune's own$"
    ):
        load_study(Path("quickstat"))
    with pytest.raises(UserError, match=r"^mine: there is no such file$"):
        load_study(Path("mine"))
