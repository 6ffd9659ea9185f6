"""What becomes of image files that PIL's plain conversion gets wrong without a word, and that all others are read as ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.errors import UserError
from tests.trainables.data.made_data import write_images
from trainables.config.trial import DataConfig
from trainables.data import load_data
from trainables.data.decoding import decode

RAMP = np.linspace(0, 1, 12 * 17).reshape(12, 17)
"""From black to white."""
GREY_OF_RAMP = np.rint(RAMP * 255)
COLOURS = np.random.default_rng(0).integers(0, 256, (12, 17, 3)).astype(np.uint8)


def saved(folder: Path, name: str, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(folder / name, **options)  # type: ignore[arg-type]  # PIL's options by keyword
    return folder / name


def read(path: Path) -> np.ndarray:
    return np.asarray(decode(path)).astype(int)


def alpha_only(colour: int, alpha: np.ndarray = GREY_OF_RAMP) -> np.ndarray:
    pixels = np.full((*alpha.shape, 4), colour, dtype=np.uint8)
    pixels[..., 3] = alpha
    return pixels


@pytest.mark.parametrize("name", ["grey.png", "grey.tif", "grey.pgm"])
def test_greys_of_16_bits_keep_their_levels(name: str, tmp_path: Path) -> None:
    found = read(saved(tmp_path, name, np.rint(RAMP * 65535).astype(np.uint16)))
    assert np.abs(found - GREY_OF_RAMP[..., None]).max() <= 1


def test_floating_point_greys_run_from_0_to_1(tmp_path: Path) -> None:
    assert (read(saved(tmp_path, "grey.tif", RAMP.astype(np.float32))) == GREY_OF_RAMP[..., None]).all()


def test_32_bit_integers_are_read_as_8_bits_where_they_are(tmp_path: Path) -> None:
    assert (read(saved(tmp_path, "grey.tif", GREY_OF_RAMP.astype(np.int32))) == GREY_OF_RAMP[..., None]).all()


@pytest.mark.parametrize(
    ("pixels", "told"),
    [
        ((255 * RAMP).astype(np.float32), "values of 0 to 255, expected 0 to 1"),
        ((RAMP - 0.5).astype(np.float32), "expected 0 to 1"),
        (np.where(RAMP > 0.5, np.nan, RAMP).astype(np.float32), "expected 0 to 1"),
        ((RAMP * 65535).astype(np.int32), "integers of 0 to 65535"),
        (alpha_only(255), "nothing is left on white"),
        (alpha_only(0, np.zeros_like(GREY_OF_RAMP)), "transparent throughout, so that nothing of it is seen"),
        (alpha_only(255, np.zeros_like(GREY_OF_RAMP)), "transparent throughout"),
    ],
    ids=["0..255", "negative", "nan", "32 bits", "white on nothing", "black unseen", "white unseen"],
)
def test_what_has_no_one_reading_is_refused_by_its_name(pixels: np.ndarray, told: str, tmp_path: Path) -> None:
    path = saved(tmp_path, "odd.tif", pixels)
    with pytest.raises(UserError, match=told) as caught:
        decode(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("channels", [4, 2])
def test_a_picture_in_the_alpha_channel_is_black_on_white(channels: int, tmp_path: Path) -> None:
    drawn = alpha_only(0)[..., -channels:]
    assert (read(saved(tmp_path, "icon.png", drawn)) == 255 - GREY_OF_RAMP[..., None]).all()


def test_a_colour_declared_transparent_is_white(tmp_path: Path) -> None:
    pixels = np.full((4, 4), 7, dtype=np.uint8)
    pixels[0] = 90
    found = read(saved(tmp_path, "grey.png", pixels, transparency=7))
    assert (found[0] == 90).all()
    assert (found[1:] == 255).all()
    deep = read(saved(tmp_path, "deep.png", pixels.astype(np.uint16) * 257, transparency=7 * 257))
    assert (deep[0] == 90).all()
    assert (deep[1:] == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["photo.png", "photo.webp", "photo.tif"])
def test_images_stand_as_exif_says(name: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turns: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a[::-1].swapaxes(0, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: a[:, ::-1].swapaxes(0, 1),
    }
    options = {"lossless": True} if name.endswith("webp") else {}
    found = read(saved(tmp_path, name, COLOURS, exif=exif, **options))
    assert (found == turns[orientation](COLOURS)).all()


def test_a_damaged_exif_block_says_nothing(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    path = saved(tmp_path, "photo.png", COLOURS, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12\0\x03\0")
    assert (read(path) == COLOURS).all()
    assert not list(recwarn)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "CMYK", "RGBA", "LA", "YCbCr"])
def test_everything_else_is_read_as_by_torchvision(mode: str, tmp_path: Path) -> None:
    path = tmp_path / ("image.jpg" if mode in ("CMYK", "YCbCr") else "image.png")
    Image.fromarray(COLOURS).convert(mode).save(path)
    with Image.open(path) as image:
        assert (read(path) == np.asarray(image.convert("RGB"))).all()


def test_a_trial_sees_them_so(tmp_path: Path) -> None:
    write_images(tmp_path / "train", ["cat", "dog"], 10)
    for path in (tmp_path / "train").rglob("*.png"):
        saved(path.parent, path.name, np.full((16, 16), 0x4000, dtype=np.uint16))
    data = load_data(DataConfig(name="image_folder", root=tmp_path, image_size=16, workers=0), torch.device("cpu"))
    assert data.mean == pytest.approx((0.25,) * 3, abs=0.002)
