"""A `.zip` of images is unpacked once, whole or not at all, and never outside of its folder."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from models import writes
from models.errors import UserError
from trainables.data.sets.zip_archive import unpacked

pytestmark = pytest.mark.usefixtures("own_data_folder")


def archive_of(folder: Path, *names: str, content: bytes = b"x" * 100) -> Path:
    archive = folder / "pets.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for name in names:
            opened.writestr(name, content)
    return archive


def left(folder: Path) -> list[str]:
    """What stands there beside the archive and the lock."""
    return sorted(path.name for path in folder.iterdir() if path.suffix not in (".zip", ".lock"))


def test_it_is_unpacked_once_beside_itself_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = archive_of(tmp_path, "pets/cat/1.png", "pets/dog/1.png", "__MACOSX/pets/cat/._1.png")
    folder = unpacked(archive)
    assert folder.parent == tmp_path
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png")) == [
        "pets/cat/1.png",
        "pets/dog/1.png",
    ]
    err = capsys.readouterr().err
    assert f"unpacking pets.zip into {folder}: 2 files, " in err
    assert " kB" in err
    (folder / "pets" / "cat" / "1.png").write_bytes(b"mine")
    assert unpacked(archive) == folder
    assert (folder / "pets" / "cat" / "1.png").read_bytes() == b"mine"
    assert capsys.readouterr().err == ""
    archive.unlink()
    assert unpacked(archive_of(tmp_path, "pets/cat/1.png", "pets/dog/2.png")) != folder, "another content"


def test_a_kill_while_unpacking_leaves_nothing_for_good(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, "[pets]/cat/1.png", "[pets]/dog/1.png").rename(tmp_path / "[pets].zip")
    process = os.fork()
    if process == 0:
        writes.move_folder = lambda *_: os._exit(9)  # type: ignore[assignment]
        unpacked(archive)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9
    (hidden,) = left(tmp_path)
    assert hidden.startswith(".[pets]-")
    folder = unpacked(archive)
    assert left(tmp_path) == [folder.name]


def test_a_folder_with_files_missing_is_unpacked_again_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = archive_of(tmp_path, "cat/1.png", "dog/1.png", "dog/2.png")
    folder = unpacked(archive)
    shutil.rmtree(folder / "dog")
    (folder / "cat" / "1.png").write_bytes(b"mine")
    capsys.readouterr()
    assert unpacked(archive) == folder
    assert f"into {folder} again, for 2 files are missing there: 3 files" in capsys.readouterr().err
    assert sorted(path.name for path in folder.rglob("*.png")) == ["1.png", "1.png", "2.png"]
    assert left(tmp_path) == [folder.name]
    assert (folder / "cat" / "1.png").read_bytes() == b"mine"
    unpacked(archive)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "name", ["../out.png", "a/../../out.png", "/tmp/out.png", "..\\out.png", "C:/out.png", "a/..\\..\\out.png"]
)
def test_an_entry_that_leads_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    archive = archive_of(inner, "cat/1.png", name)
    with pytest.raises(UserError, match="leads out of the folder"):
        unpacked(archive)
    assert left(inner) == []
    assert left(tmp_path) == ["inner"]


def test_a_link_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "pets.zip"
    link = zipfile.ZipInfo("cat")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr(link, "/etc")
        opened.writestr("cat/1.png", b"x")
    with pytest.raises(UserError, match="'cat' is a link"):
        unpacked(archive)
    assert left(tmp_path) == []


def test_a_damaged_archive_leaves_nothing(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, "cat/1.png", "dog/1.png")
    content = bytearray(archive.read_bytes())
    content[60] ^= 0xFF
    archive.write_bytes(bytes(content))
    with pytest.raises(UserError, match="cannot be unpacked") as caught:
        unpacked(archive)
    assert caught.value.exit_status == 1
    assert left(tmp_path) == []
    archive.write_bytes(b"no archive")
    with pytest.raises(UserError, match="cannot be unpacked"):
        unpacked(archive)


def test_where_nothing_can_be_written_beside_it_the_data_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainables.data.sets.zip_archive.os.access", lambda *_: False)
    folder = unpacked(archive_of(tmp_path, "cat/1.png"))
    assert folder.parent == tmp_path / "data-of-this-test" / "unpacked"
    assert unpacked(tmp_path / "pets.zip") == folder
