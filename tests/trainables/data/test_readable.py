"""Files that are no images: named before anything begins, or left out and counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from models.errors import UserError
from tests.trainables.data.made_data import write_images
from trainables.config.trial import DataConfig
from trainables.data import check_every_image, load_data, readable
from trainables.data.decoding import BadImage

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty training and six test images; one is cut off, one is empty, one is a text."""
    monkeypatch.setenv("PRUNETUNE_DATA", str(tmp_path / "kept"))
    for part, count in (("train", 10), ("test", 3)):
        write_images(tmp_path / "data" / part, ["ant", "bee"], count, seed=count)
    broken = [
        tmp_path / "data" / name for name in ("train/ant/ant_001.png", "train/bee/bee_002.png", "test/bee/bee_000.png")
    ]
    whole = broken[0].read_bytes()
    for path, content in zip(broken, (whole[: len(whole) // 2], b"", b"not an image"), strict=True):
        path.write_bytes(content)
    return tmp_path / "data"


def config(folder: Path, **values: object) -> DataConfig:
    asked = {"name": "image_folder", "root": folder, "image_size": 16, "workers": 0, "val_fraction": 0.2, **values}
    return DataConfig.model_validate(asked)


def test_they_are_counted_and_named_before_anything_begins(folder: Path) -> None:
    with pytest.raises(UserError, match="3 of 26 images cannot be read") as caught:
        check_every_image(config(folder))
    text = str(caught.value)
    assert all(name in text for name in ("test/bee/bee_000.png", "train/ant/ant_001.png", "train/bee/bee_002.png"))
    assert "data.on_bad_image: skip" in text


@pytest.mark.parametrize("workers", [0, 2])
def test_skipped_they_are_left_out_and_counted(folder: Path, workers: int) -> None:
    asked = config(folder, on_bad_image="skip", workers=workers)
    check_every_image(asked)
    data = load_data(asked, CPU)
    try:
        assert data.sizes == {"train": 14, "val": 4, "test": 5}
        assert data.splits["test"] == "test/ (1 unreadable left out)"
        assert data.splits["train"] == "the rest of train/ (2 unreadable left out)"
        told = next(line for line in data.warnings() if line.startswith("unreadable images"))
        assert "3 of 26 left out" in told
        assert "train/ant/ant_001.png" in told
        assert sum(len(labels) for _, labels in data.train_batches(4, 0)) == 14
        assert sum(len(labels) for _, labels in data.eval_batches("test", 4)) == 5
    finally:
        data.close()


def test_otherwise_an_unreadable_file_stops_who_meets_it(folder: Path) -> None:
    data = load_data(config(folder), CPU)
    with pytest.raises(BadImage, match=r"bee_002\.png is not a readable image"):
        list(data.train_batches(4, 0))


def test_a_folder_is_looked_through_once_for_as_long_as_no_file_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = config(folder, on_bad_image="skip")
    load_data(asked, CPU)
    with monkeypatch.context() as patched:
        patched.setattr(readable, "decode", lambda path: pytest.fail(f"{path} was looked at again"))
        assert load_data(asked, CPU).sizes["test"] == 5
    mended = folder / "test" / "bee" / "bee_000.png"
    mended.write_bytes((folder / "test" / "bee" / "bee_001.png").read_bytes())
    os.utime(mended, ns=(1, 1))
    assert load_data(asked, CPU).sizes["test"] == 6


def test_what_cannot_be_kept_is_found_out_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "no-folder").write_text("")
    monkeypatch.setenv("PRUNETUNE_DATA", str(folder / "no-folder"))
    assert load_data(config(folder, on_bad_image="skip"), CPU).sizes["test"] == 5


def test_another_users_folder_is_read_and_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class NotMine:
        def __init__(self, path: Path) -> None:
            raise PermissionError(13, "Permission denied", str(path))

    load_data(config(folder, on_bad_image="skip"), CPU)
    monkeypatch.setattr(readable, "FileLock", NotMine)
    with monkeypatch.context() as patched:
        patched.setattr(readable, "decode", lambda path: pytest.fail(f"{path} was looked at again"))
        assert load_data(config(folder, on_bad_image="skip"), CPU).sizes["test"] == 5
    os.utime(folder / "test" / "ant" / "ant_000.png", ns=(1, 1))
    assert load_data(config(folder, on_bad_image="skip"), CPU).sizes["test"] == 5


def test_progress_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(readable, "TOLD_EVERY", 0.0)
    monkeypatch.setattr(readable, "AT_ONCE", 13)
    load_data(config(folder, on_bad_image="skip"), CPU)
    assert "looked at 13 of 26 images" in capsys.readouterr().err


def test_data_in_memory_has_nothing_to_look_for() -> None:
    check_every_image(DataConfig(name="digits"))
