"""What is told of a data set: sizes and channels from the files' heads, and what cannot be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from trainables.config.trial import DataConfig
from trainables.data import facts, load_data
from trainables.data.decoding import BadImage
from trainables.data.facts import DataFacts, file_facts

SIZES = {"a.png": (40, 30, "RGB"), "b.png": (20, 10, "L"), "c.jpg": (64, 48, "RGB"), "d.png": (30, 50, "RGBA")}


def write(folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (width, height, mode) in SIZES.items():
        Image.new(mode, (width, height)).save(folder / name)
    return [folder / name for name in SIZES]


def test_files_are_judged_by_their_heads(tmp_path: Path) -> None:
    torn = tmp_path / "torn.png"
    torn.write_bytes(b"no image")
    told = file_facts(tmp_path, [*write(tmp_path), torn])
    assert (told.width.least, told.width.median, told.width.most) == (20, 35, 64)
    assert (told.height.least, told.height.most, told.shorter.least, told.shorter.most) == (10, 50, 10, 48)
    assert (told.grey, told.transparent) == (1, 1)
    assert told.formats == {"PNG": 3, "JPEG": 1}
    assert (told.looked_at, list(told.bad)) == (5, ["torn.png"])
    with pytest.raises(BadImage, match=r"torn\.png"):
        file_facts(tmp_path, [torn])


def test_a_photograph_on_its_side_is_told_upright(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(path, exif=exif)
    told = file_facts(tmp_path, [path])
    assert (told.width.median, told.height.median) == (30, 40)


def test_of_many_files_some_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "MOST_LOOKED_AT", 3)
    told = file_facts(tmp_path, write(tmp_path))
    assert (told.looked_at, told.width.least, told.width.most) == (2, 40, 64)


def test_what_is_odd_is_told(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for number in range(3):
            write(tmp_path / name / f"{name}{number}")
    data = load_data(DataConfig(name="image_folder", root=tmp_path, image_size=16, workers=0), torch.device("cpu"))
    told = data.facts()
    subjects = [line.partition(":")[0] for line in told.oddities()]
    assert subjects == ["few images", "mixed sizes", "mixed colours"]
    first, second = told.lines()
    assert first == "24 images of 2 classes (CLASS, not in parts): 12 each"
    assert second == "20 to 64 (median 35) x 10 to 50 (median 39) px; 6 grey, 6 with transparency; 18 PNG, 6 JPEG"


def test_images_in_memory_tell_the_same_things() -> None:
    told: DataFacts = load_data(DataConfig(name="digits"), torch.device("cpu")).facts()
    assert (told.images, told.classes, told.in_chans, told.files.grey) == (1797, 10, 1, 1797)
    assert told.files.shorter.text() == "8"
    assert np.sum([list(part.values()) for part in told.counts.values()]) == 1797
    assert told.oddities() == []
