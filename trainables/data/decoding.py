"""From an image file to upright RGB of 8 bits, whatever it stores; what has no one right reading is refused by its name.

As torchvision's and timm's loaders do it, by PIL's `convert("RGB")`, but for four things that this gets wrong without a word:
greys of 16 bits (cut off at 255), floating-point greys (0..1 becomes black), transparency (dropped, and with it a picture
drawn in the alpha channel alone) and EXIF's orientation (ignored).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from models.errors import WorkFailed

WHITE = (255, 255, 255, 255)
WIDEST_GREY = 65535
"""White in a grey image of 16 bits."""
SIXTEEN_BIT_FORMATS = frozenset({"PNG", "PPM"})
"""Formats whose greys PIL may give as 32-bit integers, and which hold 16 bits at most."""
TURNED = range(2, 9)
"""Values of EXIF's orientation that ask for turning or mirroring."""


class BadImage(WorkFailed):
    """An image that cannot be read; made from one message alone, so that it crosses from a loader process."""


def decode(path: Path) -> Image.Image:
    """The image as RGB. BadImage, with the file's name, where it is damaged or has no one right reading."""
    with opened(path) as image:
        return _as_rgb(_upright(image), is_sixteen_bit(image))


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The file with its head read; what goes wrong from there on is a BadImage."""
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).split())
        raise BadImage(
            f"{path} is not a readable image ({reason}); convert, replace or remove it, or say data.on_bad_image: skip",
            key="data.root",
        ) from error


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
