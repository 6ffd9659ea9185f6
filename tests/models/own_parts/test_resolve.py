"""A user's own part, found by what a study file says of it; and what is said where it is not."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import models.names
from models.errors import UserError
from models.own_parts import Origin, is_reference, look_in, resolve, resolving, wrong_part
from models.versions import ROOT
from tests.models.own_parts.conftest import Write


def value(text: str) -> Any:
    return resolve(text, key="prune.criterion", group="criteria").value


@pytest.mark.parametrize("text", ["a:b", "a.b:c.d", "x.py:f", "../parts/my-net.py:Net", "/a b/x.py:f", "timm.models:x"])
def test_references(text: str) -> None:
    assert is_reference(text)


@pytest.mark.parametrize(
    "text", ["timm:resnet18", "timm:vit_tiny_patch16_224.augreg", "weights:vit_micro", "vit_micro", ":f"]
)
def test_what_is_no_reference(text: str) -> None:
    assert not is_reference(text)


def test_a_module_beside_the_study_file(write: Write) -> None:
    write("my_scores.py", "class Own:\n    answer = 42\n")
    assert value("my_scores:Own.answer") == 42


def test_a_file_by_its_path_imports_relatively_and_beside_itself(write: Write) -> None:
    write("parts/my-net.py", "from .blocks import ONE\nfrom more import TWO\nNet = (ONE, TWO)\n")
    write("parts/blocks.py", "ONE = 1\n")
    write("parts/more.py", "TWO = 2\n")
    assert value("parts/my-net.py:Net") == (1, 2)


def test_what_a_folder_named_like_ours_has_and_ours_has_not(write: Write) -> None:
    write("models/__init__.py", "raise RuntimeError('never run: models is ours')\n")
    write("models/my_net.py", "from models.blocks import X\nfrom .blocks import X as Y\nimport models.names as ours\n")
    write("models/blocks.py", "X = object()\n")
    write("models/deeper/other.py", "from models.my_net import X\n")
    found = value("models.deeper.other:X")
    assert found is value("models.my_net:Y")
    assert value("models.my_net:ours") is models.names


def test_a_file_named_like_one_of_ours_is_said(write: Write) -> None:
    hidden = write("models/cost.py", "def count(): ...\n")
    with pytest.raises(
        UserError, match=rf"^prune.criterion: models.cost:count: {hidden} cannot be imported as models.cost"
    ):
        value("models.cost:count")
    write("user.py", "from models import cost\nf = cost\n")
    with pytest.raises(
        UserError, match=rf"imports models.cost, which is a module of prunetune's own and hides {hidden}"
    ):
        value("user:f")
    write("other.py", "from models.cost import count\n")
    with pytest.raises(UserError, match=rf"other.py:1: ImportError while it was imported.*hides {hidden}"):
        value("other:count")
    write("models/__init__.py", "def f(): ...\n")
    with pytest.raises(UserError, match="cannot be imported as models, which is a module of prunetune's own"):
        value("models:f")


def test_what_is_installed_comes_first(write: Write) -> None:
    write("json.py", "loads = None\n")
    assert value("json:loads") is not None
    part = resolve("optuna.samplers:TPESampler", key="search.algorithm", group="samplers")
    assert (part.origin.distribution, part.origin.version) == ("optuna", metadata.version("optuna"))


def test_what_is_not_there(write: Write, users: Path) -> None:
    write("scores.py", "import os\ndef by_size(evidence): ...\n")
    with pytest.raises(
        UserError, match=rf"there is no module no_such; looked for among what is installed and in {users}, "
    ):
        value("no_such.thing:f")
    with pytest.raises(UserError, match=r"scores.py has no by_sise; the nearest is by_size"):
        value("scores:by_sise")
    with pytest.raises(UserError, match=rf"there is no file gone.py; looked for in {users}, "):
        value("gone.py:f")
    with pytest.raises(UserError, match="'no-such' is no reference to a part of one's own"):
        value("no-such")


def test_an_error_within_is_told_at_its_line_and_kept(write: Write) -> None:
    file = write("broken.py", "import no_such_package\n")
    with pytest.raises(
        UserError, match=rf"{file}:1: ModuleNotFoundError while it was imported: No module named"
    ) as caught:
        value("broken:f")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    file = write("parts/typo.py", "x = 1\ndef f(:\n")
    with pytest.raises(UserError, match=rf"{file}:2: SyntaxError"):
        value("parts/typo.py:f")
    write("calls.py", "from deep import f\nx = f()\n")
    file = write("deep.py", "def f():\n    return 1 / 0\n")
    with pytest.raises(UserError, match=rf"{file}:2: ZeroDivisionError while it was imported: division by zero"):
        value("calls:x")


def test_its_origin_has_its_own_files_and_no_others(write: Write) -> None:
    write("net.py", "import json\nfrom sub import helper\ndef later():\n    from sub.lazy import x\nNet = 1\n")
    write("sub/helper.py", "import other\n")
    write("sub/lazy.py", "x = 1\n")
    write("other.py", "")
    write("unrelated.py", "")
    origin = resolve("net:Net", key="model.arch", group="architectures").origin
    file = Path(str(origin.file))
    assert origin.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert list(origin.beside) == ["other", "sub.helper", "sub.lazy"]
    assert origin.distribution is None


def test_a_changed_file_is_another_part(write: Write) -> None:
    write("net.py", "from helper import X\nNet = X\n")
    write("helper.py", "X = 1\n")
    before = resolve("net:Net", key="model.arch", group="architectures")
    again = resolve("net:Net", key="model.arch", group="architectures")
    assert again == before
    write("helper.py", "X = 22\n")
    after = resolve("net:Net", key="model.arch", group="architectures")
    assert (before.value, after.value) == (1, 22)
    assert before.origin.digest != after.origin.digest
    assert before.origin.sha256 == after.origin.sha256


def test_the_digest_is_that_of_the_files_wherever_they_lie(write: Write) -> None:
    for folder in ("here", "there"):
        write(f"{folder}/net.py", "from .helper import X\n")
        write(f"{folder}/helper.py", "X = 1\n")
    origins = [resolve(f"{place}/net.py:X", key="k", group="methods").origin for place in ("here", "there")]
    assert origins[0].file != origins[1].file
    assert [(one.sha256, [*one.beside.values()]) for one in origins[:1]] == [
        (origins[1].sha256, [*origins[1].beside.values()])
    ]


def test_the_name_of_an_entry_point(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("installed.py", "def f(): ...\n")
    entry = metadata.EntryPoint("by_size", "installed:f", "prunetune.criteria")
    monkeypatch.setattr(resolving, "_entry_points", lambda group: {"by_size": entry} if group == "criteria" else {})
    assert value("by_size").__name__ == "f"
    with pytest.raises(UserError, match=r"'by_sise' is no reference.* the nearest is by_size"):
        value("by_sise")
    with pytest.raises(UserError, match=r"an entry point of prunetune\.methods"):
        resolve("by_size", key="prune.method", group="methods")


def test_another_kind_of_part_than_is_needed(write: Write) -> None:
    file = write("net.py", "Net = 3\n")
    part = resolve("net:Net", key="model.arch", group="architectures")
    assert str(wrong_part("model.arch", part, "a function")) == (
        f"model.arch: net:Net: found int in {file}, expected a function"
    )


def test_processes_started_from_here_find_them_too(write: Write) -> None:
    write("scores.py", "f = 7\n")
    code = (
        "import sys; from models.own_parts import resolve; "
        "print(resolve('scores:f', key='k', group='criteria').value, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.split() == ["7", "False"]


def test_what_is_imported_from_elsewhere_is_part_of_it_too(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of PYTHONPATH or an editable install, with the packages that the files lie in."""
    library = tmp_path / "library"
    (library / "elsewhere_lib" / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "inner/size.py"):
        (library / "elsewhere_lib" / name).write_text("WIDTH = 8\n")
    monkeypatch.syspath_prepend(str(library))
    write("with_library.py", "from elsewhere_lib.inner.size import WIDTH\n\ndef net(num_classes): return WIDTH\n")

    def found() -> tuple[Any, Origin]:
        part = resolve("with_library:net", key="model.arch", group="architectures")
        return part.value(1), part.origin

    width, origin = found()
    assert sorted(origin.beside) == ["elsewhere_lib", "elsewhere_lib.inner", "elsewhere_lib.inner.size"]
    for name in ("__init__.py", "inner/size.py"):
        (library / "elsewhere_lib" / name).write_text("WIDTH = 16\n")
        later = found()[1]
        assert later.digest != origin.digest
        origin = later
    assert (width, found()[0]) == (8, 16)


@pytest.mark.parametrize("reference", ["of_two:net", "of_two.py:net"])
def test_of_two_folders_the_one_that_is_to_be_looked_in_first_wins(tmp_path: Path, users: Path, reference: str) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "of_two.py").write_text("from of_two_beside import NAME\n\ndef net(): return NAME\n")
        (tmp_path / name / "of_two_beside.py").write_text(f"NAME = {name!r}\n")
    for name in ("first", "second", "first"):
        look_in(tmp_path / name)
        assert resolve(reference, key="model.arch", group="architectures").value() == name
