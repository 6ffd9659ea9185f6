"""Where an export may go, and that what is there is whole whatever happens on the way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from models import writes
from models.errors import UserError
from search.config_file import yaml_file
from search.export.place import check_free, placed, put_right

FILES = ("best.yaml", "model.onnx", "MODEL_CARD.md")
AT_TIMES = ("scratch-source.safetensors",)
TRIAL = {
    "run": "mine",
    "trial": "rsst-000",
    "seed": 0,
    "data": {"digest": "ab"},
    "expected": {"last_state": 3, "val_accuracy": 0.123456789012345, "test_accuracy": None},
}


def write(out: Path, content: str, names: Sequence[str] = FILES) -> None:
    with placed(out, FILES, AT_TIMES) as folder:
        for name in names:
            (folder / name).write_text(content)


def fail(out: Path) -> None:
    with placed(out, FILES, AT_TIMES) as folder:
        (folder / FILES[0]).write_text("new")
        raise OSError("no space")


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def exported_before(out: Path, provenance: object = TRIAL) -> None:
    out.mkdir()
    for name in FILES[1:]:
        (out / name).write_text("old")
    (out / "best.yaml").write_text(yaml_file.dump({"name": "best", "trial": {}, "provenance": provenance}))


def test_a_new_or_an_empty_folder_is_free(tmp_path: Path) -> None:
    check_free(tmp_path / "new", TRIAL, FILES)
    (tmp_path / "empty").mkdir()
    check_free(tmp_path / "empty", TRIAL, FILES)
    for name in ("new", "empty"):
        write(tmp_path / name, "new")
        assert contents(tmp_path / name) == dict.fromkeys(FILES, "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "new"]


def test_an_export_of_the_same_trial_is_replaced_and_all_else_there_stays(tmp_path: Path) -> None:
    out = tmp_path / "small"
    exported_before(out)
    (out / "photo.jpg").write_text("a user's")
    (out / AT_TIMES[0]).write_text("of the earlier export")
    check_free(out, {**TRIAL, "chosen_state": 2}, FILES)
    write(out, "new")
    assert contents(out) == {**dict.fromkeys(FILES, "new"), "photo.jpg": "a user's"}
    write(out, "newer", [*FILES, *AT_TIMES])
    assert contents(out) == {**dict.fromkeys([*FILES, *AT_TIMES], "newer"), "photo.jpg": "a user's"}


@pytest.mark.parametrize(
    "changed", [{"run": "other"}, {"trial": "rsst-001"}, {"data": {"digest": "cd"}}, {"expected": {}}]
)
def test_an_export_of_anything_else_is_in_use(changed: dict[str, object], tmp_path: Path) -> None:
    exported_before(tmp_path / "small", {**TRIAL, **changed})
    with pytest.raises(
        UserError, match=r"small is in use: MODEL_CARD.md, best.yaml, model.onnx \(an export of rsst-00"
    ):
        check_free(tmp_path / "small", TRIAL, FILES)


def test_other_files_are_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d", "e"):
        (tmp_path / name).write_text("a user's")
    with pytest.raises(
        UserError, match=r"is in use: a, b, c, d and 1 more; .* --force, which writes beside them"
    ) as caught:
        check_free(tmp_path, TRIAL, FILES)
    assert "\n" not in str(caught.value)
    (tmp_path / "model.onnx").write_text("a user's")
    for study in ("no: [study", "a text"):
        (tmp_path / "best.yaml").write_text(study)
        with pytest.raises(
            UserError, match=r"--force, which replaces best\.yaml, model\.onnx there and leaves all else as it is"
        ):
            check_free(tmp_path, TRIAL, FILES)
    with pytest.raises(UserError, match="a is a file; name a folder"):
        check_free(tmp_path / "a", TRIAL, FILES)


@pytest.mark.parametrize("there", [True, False])
def test_what_fails_on_the_way_leaves_what_was_there(there: bool, tmp_path: Path) -> None:
    out = tmp_path / "small"
    if there:
        exported_before(out)
    before = contents(out) if there else None
    with pytest.raises(OSError, match="no space"):
        fail(out)
    assert (contents(out) if there else None) == before
    assert [path.name for path in tmp_path.iterdir()] == (["small"] if there else [])


def killed_in_export(out: Path, at: int) -> bool:
    """Whether an export by another process was killed, at its so manieth change."""
    process = os.fork()
    if process == 0:
        changes = 0

        def killed_at(change: Callable[..., None]) -> Callable[..., None]:
            def counted(*paths: Path) -> None:
                nonlocal changes
                changes += 1
                if changes == at:
                    os._exit(9)
                change(*paths)

            return counted

        for name in ("replace", "unlink", "move_folder", "remove_folder"):
            setattr(writes, name, killed_at(getattr(writes, name)))
        write(out, "new")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9


def test_a_kill_at_any_change_leaves_one_whole_export_and_the_next_puts_right_what_is_left(tmp_path: Path) -> None:
    out, met = tmp_path / "small", set()
    for at in range(1, 20):
        exported_before(out)
        (out / "__pycache__").mkdir()
        old = {path.name: path.read_text() for path in out.iterdir() if path.is_file()}
        if not killed_in_export(out, at):
            break
        met.add(out.exists())
        put_right(out)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["small"]
        found = {path.name: path.read_text() for path in out.iterdir() if path.is_file()}
        assert found in (old, dict.fromkeys(FILES, "new"))
        write(out, "newer")
        assert contents(out) == dict.fromkeys(FILES, "newer")
        shutil.rmtree(out)
    assert met == {True, False}, "between the two renames too"
    assert 3 < at < 19


def test_an_earlier_export_of_another_trial_that_a_kill_left_aside_is_in_use(tmp_path: Path) -> None:
    out = tmp_path / "small"
    exported_before(out, {**TRIAL, "trial": "rsst-001"})
    assert killed_in_export(out, 2)
    assert not out.exists()
    with pytest.raises(UserError, match=r"small is in use: .* \(an export of rsst-001"):
        check_free(out, TRIAL, FILES)
    assert (out / "model.onnx").read_text() == "old"


def test_an_earlier_export_gets_its_name_back_where_the_new_one_cannot_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, real = tmp_path / "small", writes.move_folder
    exported_before(out)
    before = contents(out)

    def fail_once(source: Path, target: Path) -> None:
        if target == out and not source.name.endswith(".before.tmp"):
            raise OSError("refused")
        real(source, target)

    monkeypatch.setattr(writes, "move_folder", fail_once)
    with pytest.raises(OSError, match="refused"):
        write(out, "new")
    assert contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_what_a_kill_left_half_built_is_removed_and_what_another_process_builds_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(writes, "move_folder", die)
        patched.setattr(writes, "remove_folder", lambda folder: None)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "small", "new")
    (left,) = tmp_path.iterdir()
    assert not (tmp_path / "small").exists()
    write(tmp_path / "small", "new")
    assert left.exists(), "its process is alive"
    process = os.fork()
    if process == 0:
        os._exit(0)
    os.waitpid(process, 0)
    left.rename(left.with_name(f".small.{process}.0123abcd.tmp"))
    write(tmp_path / "small", "newer")
    assert [path.name for path in tmp_path.iterdir()] == ["small"]
    assert contents(tmp_path / "small") == dict.fromkeys(FILES, "newer")
