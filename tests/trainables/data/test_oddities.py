"""Data sets that run and mislead: each is told in a line, with its figures, and a sound one in none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.errors import UserError
from tests.trainables.data.made_data import write_images
from tests.trainables.small_trials import small_config
from trainables.config.trial import DataConfig
from trainables.data import load_data
from trainables.files.record import Identity
from trainables.prepare import prepare


def told(root: Path, **values: object) -> list[str]:
    config = {"name": "image_folder", "root": root, "image_size": 16, "workers": 0, **values}
    return list(load_data(DataConfig.model_validate(config), torch.device("cpu")).warnings())


def sound(root: Path, classes: int = 2) -> list[str]:
    names = [f"class{number}" for number in range(classes)]
    for part, count in (("train", 12), ("val", 10), ("test", 2)):
        write_images(root / part, names, count, seed=count)
    return names


def test_a_sound_data_set_is_not_spoken_of(tmp_path: Path) -> None:
    sound(tmp_path)
    assert told(tmp_path) == []
    assert load_data(DataConfig(name="digits"), torch.device("cpu")).warnings() == ()


def test_a_class_missing_from_a_part(tmp_path: Path) -> None:
    names = sound(tmp_path, classes=3)
    for path in (tmp_path / "val" / names[1]).iterdir():
        path.unlink()
    (line,) = told(tmp_path)
    assert line.startswith("classes missing from the validation images: 1 of 3 (class1), so no choice heeds it")


def test_classes_that_are_only_held_out(tmp_path: Path) -> None:
    write_images(tmp_path / "train", [f"class{number:02d}" for number in range(10)], 1)
    lines = told(tmp_path, val_fraction=0.25)
    missing = next(line for line in lines if line.startswith("classes missing from the training images: 4 of 10 ("))
    assert "and 1 more), so the network cannot learn it" in missing
    assert any(line.startswith("classes with one training image: 6 of 10 (") for line in lines)


def test_a_class_of_which_hardly_anything_was_copied(tmp_path: Path) -> None:
    names = sound(tmp_path, classes=3)
    write_images(tmp_path / "more" / "train", names, 50)
    for path in (tmp_path / "more" / "train").rglob("*.png"):
        path.rename(tmp_path / "train" / path.parent.name / f"more-{path.name}")
    for path in sorted((tmp_path / "train" / names[1]).iterdir())[2:]:
        path.unlink()
    (line,) = told(tmp_path)
    assert line.startswith(
        "classes far smaller than most: 1 of 3 have under a 20th of the usual 62 training images (fewest: class1 with 2)"
    )


def test_a_validation_set_too_small_to_choose_by(tmp_path: Path) -> None:
    sound(tmp_path)
    for path in sorted((tmp_path / "val" / "class0").iterdir())[4:]:
        path.unlink()
    (line,) = told(tmp_path)
    assert line.startswith(
        "small validation set: 1 of 2 classes have under 10 images (fewest: class0 with 4), 14 in all"
    )
    assert "one image is 7.14 points" in line
    assert "standard error up to 13.4 points" in line


def test_images_far_smaller_than_the_default_size(tmp_path: Path) -> None:
    sound(tmp_path)
    (line,) = told(tmp_path, image_size=None)
    assert line.startswith("small images: data.image_size is not given, so images of 2")
    assert "enlarged to 224 px" in line
    assert "say data.image_size" in line


def test_images_smaller_than_the_smallest_size_are_told_a_size_that_is_allowed(tmp_path: Path) -> None:
    sound(tmp_path)
    for path in (tmp_path / "train").rglob("*.png"):
        Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3)).save(path)
    remedy = next(line for line in told(tmp_path, image_size=None) if line.startswith("small images"))
    assert "images of 2 px" in remedy
    assert remedy.endswith("say data.image_size, such as 4")
    assert told(tmp_path, image_size=int(remedy.rpartition(" ")[2]))


@pytest.mark.parametrize(
    ("name", "mode"), [("a.png", "RGB"), ("a.jpg", "RGB"), ("a.png", "L"), ("a.tif", "F"), ("a.png", "P")]
)
def test_images_of_one_colour_are_named(name: str, mode: str, tmp_path: Path) -> None:
    sound(tmp_path)
    Image.new(mode, (40, 40), 1).save(tmp_path / "train" / "class0" / name)
    (line,) = told(tmp_path)
    assert line.startswith("blank images: 1 of 25 training images looked at are of one colour throughout")
    assert f"(train/class0/{name})" in line


def test_a_small_mark_on_a_large_page_is_no_blank(tmp_path: Path) -> None:
    """As a JPEG read small it may look like one."""
    sound(tmp_path)
    page = np.full((512, 512, 3), 255, dtype=np.uint8)
    page[100:104, 100:104] = 0
    Image.fromarray(page).save(tmp_path / "train" / "class0" / "a.jpg", quality=95)
    assert told(tmp_path) == []


def test_a_file_of_two_pixels_is_named(tmp_path: Path) -> None:
    sound(tmp_path)
    Image.fromarray(np.arange(4, dtype=np.uint8).reshape(2, 2)).save(tmp_path / "train" / "class0" / "thumb.png")
    (line,) = told(tmp_path)
    assert line.startswith("tiny images: 1 of 25 training images looked at are under 8 px on a side")
    assert "(train/class0/thumb.png: 2 x 2 px)" in line


def test_sixteen_bits_of_which_twelve_are_used(tmp_path: Path) -> None:
    sound(tmp_path)
    for path in (tmp_path / "train").rglob("*.png"):
        Image.fromarray(np.linspace(0, 4095, 400).reshape(20, 20).astype(np.uint16)).save(path)
    (line,) = told(tmp_path)
    assert line.startswith("dark images: the brightest pixel of 24 images of 16 bits looked at is 4095")


def test_folders_that_look_like_parts_and_are_not_read(tmp_path: Path) -> None:
    names = sound(tmp_path)
    write_images(tmp_path / "testing", names, 1)
    (tmp_path / "notes" / "more").mkdir(parents=True)
    (line,) = told(tmp_path)
    assert line.startswith(f"folders not read: {tmp_path} has testing/ with classes of train/")


def test_a_file_that_is_no_image_is_named_before_training(tmp_path: Path) -> None:
    sound(tmp_path)
    (tmp_path / "train" / "class0" / "broken.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"broken\.png is not a readable image"):
        told(tmp_path)


def test_a_trials_record_holds_what_is_odd_and_which_split_is_which() -> None:
    prepared = prepare(Identity("t"), small_config(data={"train_limit": 10, "val_fraction": 0.01}))
    lines = prepared.header["warnings"]
    assert list(prepared.warnings) == lines
    assert any(line.startswith("classes with one training image: 10 of 10") for line in lines)
    assert prepared.header["data"]["splits"] == {
        "train": "the rest of the set's images, cut by data.train_limit: 10",
        "val": "held out of the set's images by data.val_fraction: 0.01",
        "test": "held out of the set's images by data.test_fraction: 0.2",
    }
