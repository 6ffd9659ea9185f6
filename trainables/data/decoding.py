"""Image files of a data set, as `models/preprocessing.py` reads them; what cannot be read is refused by its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from models.errors import WorkFailed
from models.preprocessing import rgb


class BadImage(WorkFailed):
    """An image that cannot be read; made from one message alone, so that it crosses from a loader process."""


def decode(path: Path) -> Image.Image:
    """The image as upright RGB of 8 bits. BadImage, with the file's name, where it is damaged or has no one right reading."""
    with opened(path) as image:
        return rgb(image)


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
