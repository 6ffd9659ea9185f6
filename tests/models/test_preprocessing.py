"""What a file becomes, against torchvision's own transforms and torch's own resizing."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

import models
from models import preprocessing
from models.errors import UserError
from models.preprocessing import Preprocessing
from models.save_load import save
from models.spec import ModelSpec
from models.units.structure import Structure

CROP = Preprocessing(24, 3, "crop", (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
STRETCH = replace(CROP, fit="stretch")
SIZES = [(24, 24), (31, 24), (24, 90), (57, 33), (33, 58), (7, 9), (25, 24), (640, 481)]


def picture(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """Smooth and noisy parts, reproducible; `size` is (width, height)."""
    rng = np.random.default_rng(size[0] * 1000 + size[1])
    ramp = np.add.outer(np.arange(size[1]), np.arange(size[0])) * 255 / sum(size)
    channels = [np.where(rng.random(ramp.shape) < 0.5, ramp, rng.integers(0, 256, ramp.shape)) for _ in range(3)]
    return Image.fromarray(np.stack(channels, axis=2).astype(np.uint8)).convert(mode)


@pytest.mark.parametrize("size", SIZES)
def test_a_crop_is_torchvisions(size: tuple[int, int]) -> None:
    bicubic = v2.InterpolationMode.BICUBIC
    reference = v2.Compose([
        v2.Resize(24, bicubic, antialias=True), v2.CenterCrop(24), v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(CROP.mean, CROP.std),
    ])  # fmt: skip
    found = CROP(picture(size))
    assert found.dtype == np.float32
    torch.testing.assert_close(torch.from_numpy(found), reference(picture(size))[None], atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_stretched_pixels_are_those_of_torchs_resizing(size: tuple[int, int], mode: str) -> None:
    image = picture(size, mode)
    pixels = torch.from_numpy(np.atleast_3d(np.asarray(image)).copy()).permute(2, 0, 1)[None].float()
    expected = torch.nn.functional.interpolate(pixels, (24, 24), mode="bicubic", antialias=True)
    found = preprocessing.stretched(image, 24)
    assert found.shape == (24, 24, 1 if mode == "L" else 3)
    assert (found == expected.round().clamp(0, 255).to(torch.uint8)[0].permute(1, 2, 0).numpy()).all()


def test_colours_become_grey_where_the_network_takes_one_channel() -> None:
    grey = Preprocessing(24, 1, "stretch", (0.5,), (0.25,))
    levels = np.arange(256, dtype=np.uint8).repeat(9).reshape(48, 48)
    image = Image.fromarray(levels)
    assert (grey.pixels(image.convert("RGB")) == grey.pixels(image)).all()
    assert grey(picture((24, 24))).shape == (1, 1, 24, 24)
    with pytest.raises(ValueError, match="2 channels are not read from image files"):
        Preprocessing(24, 2, "stretch", (0.5, 0.5), (0.25, 0.25))(image)


def test_what_is_recorded_does_the_same_again() -> None:
    told = CROP.to_json()
    assert Preprocessing.from_json(told) == CROP
    assert (told["colour"], told["interpolation"], told["value_range"]) == ("RGB", "bicubic", [0, 1])
    for key, value in (("fit", "pad"), ("interpolation", "nearest"), ("value_range", [0, 255]), ("mean", [0.5])):
        with pytest.raises(ValueError, match="not known here"):
            Preprocessing.from_json({**told, key: value})


def test_words_say_all_of_it() -> None:
    assert "the shorter side is brought to 24 pixels and the middle 24 x 24 pixels are taken (bicubic" in CROP.words()
    assert "both sides are brought to 24 pixels" in STRETCH.words()
    assert "mean (0.4, 0.5, 0.6) and standard deviation (0.2, 0.25, 0.3)" in CROP.words()


def test_a_model_file_tells_what_its_network_takes_and_gives(tmp_path: Path) -> None:
    path, spec = tmp_path / "model.safetensors", ModelSpec("vit_micro", 3, 24, 3, 4)
    save(path, {}, spec, Structure({}), {"preprocessing": CROP.to_json(), "class_names": ["cat", "dog", "Emü"]})
    assert models.preprocessing_of(path) == CROP
    assert models.class_names_of(path) == ("cat", "dog", "Emü")
    save(path, {}, spec, Structure({}), {"preprocessing": {**CROP.to_json(), "fit": "pad"}})
    with pytest.raises(UserError, match="its preprocessing cannot be read"):
        models.preprocessing_of(path)
    with pytest.raises(UserError, match="class names were not recorded"):
        models.class_names_of(path)
    save(path, {}, spec, Structure({}), {})
    with pytest.raises(UserError, match="its preprocessing was not recorded"):
        models.preprocessing_of(path)


def test_the_module_goes_into_an_export_alone() -> None:
    """It imports nothing but Pillow, numpy and Python's own modules."""
    tree = ast.parse(Path(preprocessing.__file__).read_text(encoding="utf-8"))
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    imported += [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in imported} - sys.stdlib_module_names == {"PIL", "numpy"}
