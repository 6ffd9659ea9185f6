"""From an image file to what a network is given. An export carries this file as it is, so it needs Pillow and numpy alone.

A trial's evaluation decodes and crops by these functions; what it does to images in memory, `stretched` does to a file.
Files are decoded as torchvision's and timm's loaders do it, by PIL's `convert("RGB")`, but for four things that this gets
wrong without a word: greys of 16 bits (cut off at 255), floating-point greys (0..1 becomes black), transparency (dropped, and
with it a picture drawn in the alpha channel alone) and EXIF's orientation (ignored).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

COLOURS = {1: "L", 3: "RGB"}
"""Channels → PIL's mode."""
FITS = ("crop", "stretch")
WHITE = (255, 255, 255, 255)
WIDEST_GREY = 65535
"""White in a grey image of 16 bits."""
SIXTEEN_BIT_FORMATS = frozenset({"PNG", "PPM"})
"""Formats whose greys PIL may give as 32-bit integers, and which hold 16 bits at most."""
TURNED = range(2, 9)
"""Values of EXIF's orientation that ask for turning or mirroring."""


@dataclass(frozen=True)
class Preprocessing:
    """What was done to an image when the network was judged: called with a file or a PIL image, it does the same.

    `fit`: `crop` brings the shorter side to `image_size` pixels and takes the middle square, `stretch` brings both sides to it.
    `mean` and `std` are one figure a channel, of pixels whose 0..255 is `value_range`.
    """

    image_size: int
    channels: int
    fit: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    value_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        known = self.fit in FITS and self.interpolation == "bicubic" and tuple(self.value_range) == (0, 1)
        if not known or {len(self.mean), len(self.std)} != {self.channels}:
            raise ValueError(f"a preprocessing that is not known here: {asdict(self)}")

    def __call__(self, image: str | os.PathLike[str] | Image.Image) -> np.ndarray:
        """float32 (1, channels, image_size, image_size), normalised. OSError or ValueError for what cannot be read."""
        if not isinstance(image, Image.Image):
            with Image.open(image) as opened:
                return self(opened)
        pixels = self.pixels(image).astype(np.float32).transpose(2, 0, 1)[None]
        mean, std = (np.asarray(figures, np.float32).reshape(1, -1, 1, 1) for figures in (self.mean, self.std))
        normalised: np.ndarray = (pixels / np.float32(255) - mean) / std
        return normalised

    def pixels(self, image: Image.Image) -> np.ndarray:
        """uint8 (image_size, image_size, channels)."""
        if self.channels not in COLOURS:
            raise ValueError(f"images of {self.channels} channels are not read from image files")
        coloured = rgb(image).convert(COLOURS[self.channels])
        if self.fit == "stretch":
            return stretched(coloured, self.image_size)
        return np.atleast_3d(np.asarray(cropped(coloured, self.image_size)))

    def words(self) -> str:
        size = f"{self.image_size} x {self.image_size} pixels"
        fitted = {
            "crop": f"the shorter side is brought to {self.image_size} pixels and the middle {size} are taken",
            "stretch": f"both sides are brought to {self.image_size} pixels, whatever their ratio was",
        }
        colour = {1: "to grey", 3: "to RGB"}.get(self.channels, f"to {self.channels} channels")
        figures = " and ".join(
            f"{name} ({', '.join(f'{value:.6g}' for value in values)})"
            for name, values in (("mean", self.mean), ("standard deviation", self.std))
        )
        return (
            f"An image is turned upright as its EXIF says, laid on white where it is transparent, and converted {colour}; "
            f"{fitted[self.fit]} ({self.interpolation}, antialiased); 0..255 becomes 0..1; each channel is normalised "
            f"with {figures}."
        )

    def to_json(self) -> dict[str, Any]:
        """All that another program needs to do the same, `colour` and `layout` for its reader."""
        told = {"colour": COLOURS.get(self.channels), "layout": "NCHW", "dtype": "float32", "antialias": True}
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std), "value_range": [0, 1], **told}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Preprocessing:
        known = {name: told[name] for name in cls.__dataclass_fields__}
        sequences = {name: tuple(value) for name, value in known.items() if isinstance(value, list)}
        return cls(**{**known, **sequences})


def cropped(image: Image.Image, size: int) -> Image.Image:
    """The shorter side brought to `size` (bicubic, antialiased), and the middle square of that: as torchvision does it."""
    shorter = min(image.size)
    width, height = (size if side == shorter else int(size * side / shorter) for side in image.size)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + size, top + size))


def stretched(image: Image.Image, size: int) -> np.ndarray:
    """uint8 (size, size, channels): both sides brought to `size`, rounded once at the end, as torch's `interpolate` has it."""
    if image.size == (size, size):
        return np.atleast_3d(np.asarray(image))
    bands = [band.convert("F").resize((size, size), Image.Resampling.BICUBIC) for band in image.split()]
    return np.stack([np.rint(np.asarray(band)).clip(0, 255).astype(np.uint8) for band in bands], axis=2)


def rgb(image: Image.Image) -> Image.Image:
    """Upright RGB of 8 bits, whatever the file stores. ValueError for what has no one right reading."""
    return _as_rgb(_upright(image), is_sixteen_bit(image))


def is_sixteen_bit(image: Image.Image) -> bool:
    """Whether it is a grey of 16 bits, which runs to 65535."""
    return image.mode.startswith("I;16") or (image.mode == "I" and image.format in SIXTEEN_BIT_FORMATS)


def _upright(image: Image.Image) -> Image.Image:
    """Turned as EXIF says; a damaged EXIF block says nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        orientation = image.getexif().get(ExifTags.Base.Orientation)
        if isinstance(orientation, int) and orientation in TURNED:
            return ImageOps.exif_transpose(image)
    return image


def _as_rgb(image: Image.Image, sixteen_bit: bool) -> Image.Image:
    if sixteen_bit:
        return _grey(_sixteen_bit_shares(image))
    if image.mode == "I":
        return _grey(_whole_numbers(np.asarray(image)) / 255)
    if image.mode == "F":
        return _grey(_shares(np.asarray(image)))
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _sixteen_bit_shares(image: Image.Image) -> np.ndarray:
    """Where one grey is declared transparent, white shows through."""
    values, transparent = np.asarray(image), image.info.get("transparency")
    return np.where(values == transparent, WIDEST_GREY, values) / WIDEST_GREY


def _grey(shares: np.ndarray) -> Image.Image:
    """From shares of white in 0..1."""
    return Image.fromarray(np.rint(shares * 255).astype(np.uint8)).convert("RGB")


def _whole_numbers(values: np.ndarray) -> np.ndarray:
    if values.min() < 0 or values.max() > 255:
        raise ValueError(f"32-bit integers of {values.min()} to {values.max()}; which of them is white is not said")
    return values


def _shares(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise ValueError(f"floating-point values of {values.min():g} to {values.max():g}, expected 0 to 1")
    return values


def _on_white(image: Image.Image) -> Image.Image:
    """RGBA laid on white, as a page shows it."""
    alpha = np.asarray(image.getchannel("A"))
    if alpha.min() == 255:
        return image.convert("RGB")
    if alpha.max() == 0:
        raise ValueError("transparent throughout, so that nothing of it is seen")
    page = Image.new("RGBA", image.size, WHITE)
    page.alpha_composite(image)
    flat = page.convert("RGB")
    if alpha.min() != alpha.max() and np.asarray(flat).min() == 255:
        raise ValueError("white on a transparent ground, of which nothing is left on white")
    return flat
