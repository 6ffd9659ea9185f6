"""What a data set is, for people who decide what to do with it: how it lies there, its classes by split, and what its files
are. Files are judged by their heads alone, and of many only some are looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from trainables.data.decoding import BadImage, opened

MOST_LOOKED_AT = 4096
"""Files whose heads are read, evenly chosen where there are more."""
GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F"})
CLEAR_MODES = frozenset({"LA", "RGBA", "PA"})
"""With a channel of transparency."""
SIDEWAYS = frozenset({5, 6, 7, 8})
"""EXIF's orientations in which the stored width is the height."""
ORIENTATION = 0x0112
FEW_A_CLASS = 50
MIXED = 2
"""The largest shorter side in smallest ones, from which sizes are mixed."""


@dataclass(frozen=True)
class Span:
    """In pixels."""

    least: int
    median: int
    most: int

    @classmethod
    def of(cls, values: Sequence[int]) -> Span:
        return cls(min(values), round(median(values)), max(values))

    def text(self) -> str:
        return str(self.median) if self.least == self.most else f"{self.least} to {self.most} (median {self.median})"


@dataclass(frozen=True)
class FileFacts:
    """Of files that were looked at. `bad`: name, relative to the data's folder → why it cannot be read."""

    looked_at: int
    width: Span
    height: Span
    shorter: Span
    modes: Mapping[str, int]
    """PIL's mode, such as `RGB` or `L` → files."""
    formats: Mapping[str, int]
    bad: Mapping[str, str]

    @property
    def grey(self) -> int:
        return sum(count for mode, count in self.modes.items() if mode in GREY_MODES)

    @property
    def transparent(self) -> int:
        return sum(count for mode, count in self.modes.items() if mode in CLEAR_MODES)


@dataclass(frozen=True)
class DataFacts:
    """`counts`: part → class → images. `layout` says how the files lie, in words; nothing of sets that are no folders."""

    name: str
    layout: str
    counts: Mapping[str, Mapping[str, int]]
    image_size: int
    in_chans: int
    files: FileFacts

    @property
    def classes(self) -> int:
        return len(self.counts["train"])

    @property
    def images(self) -> int:
        return sum(sum(classes.values()) for classes in self.counts.values())

    @property
    def smallest_class(self) -> tuple[str, int]:
        """Its name and its images in all parts; `largest_class` alike."""
        return min(self._of_classes.items(), key=lambda entry: entry[1])

    @property
    def largest_class(self) -> tuple[str, int]:
        return max(self._of_classes.items(), key=lambda entry: entry[1])

    @property
    def _of_classes(self) -> dict[str, int]:
        return {name: sum(part.get(name, 0) for part in self.counts.values()) for name in self.counts["train"]}

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "images": self.images, "classes": self.classes}

    def lines(self) -> list[str]:
        """For people: images and classes, and what the files are."""
        (least, few), (most, many) = self.smallest_class, self.largest_class
        layout = f" ({self.layout})" if self.layout else ""
        of_class = f"{few:,} each" if few == many else f"{few:,} ({least}) to {many:,} ({most}) each"
        return [f"{self.images:,} images of {self.classes} classes{layout}: {of_class}", self._of_files()]

    def _of_files(self) -> str:
        files = self.files
        good = files.looked_at - len(files.bad)
        colour = [f"{files.grey:,} grey" if 0 < files.grey < good else "grey" if files.grey else "colour"]
        colour += [f"{files.transparent:,} with transparency"] if files.transparent else []
        parts = [f"{files.width.text()} x {files.height.text()} px", ", ".join(colour)]
        if self.layout:
            parts.append(", ".join(f"{count:,} {kind}" for kind, count in files.formats.items()))
            parts += [f"looked at {files.looked_at:,} of {self.images:,}"] if files.looked_at < self.images else []
        if files.bad:
            name, why = next(iter(files.bad.items()))
            parts.append(f"{len(files.bad):,} cannot be read ({name}: {why})")
        return "; ".join(parts)

    def oddities(self) -> list[str]:
        """What a person should know before choosing anything, beside the warnings of `Data.warnings`."""
        files, told = self.files, []
        few = sum(self.counts["train"].values()) / self.classes
        if few < FEW_A_CLASS:
            told.append(
                f"few images: {few:.0f} training images a class on average; from weights that know such images that may do, "
                "from random ones it will not, and folds or more seeds are needed to tell methods apart"
            )
        if files.shorter.most >= MIXED * files.shorter.least:
            told.append(
                f"mixed sizes: the shorter side is {files.shorter.text()} px; all are brought to {self.image_size} px, so "
                "small ones are enlarged"
            )
        if self.layout and 0 < files.grey < files.looked_at - len(files.bad):
            told.append(
                f"mixed colours: {files.grey:,} of {files.looked_at:,} images looked at are grey, the others are not"
            )
        elif self.layout and files.grey:
            told.append("grey images: read as three equal channels, as weights trained on colour need them")
        return told


def file_facts(folder: Path, paths: Sequence[Path]) -> FileFacts:
    """Of image files by their heads; BadImage where not one can be read."""
    step = max(1, -(-len(paths) // MOST_LOOKED_AT))
    sizes: list[tuple[int, int]] = []
    modes, formats, bad = Counter[str](), Counter[str](), dict[str, str]()
    last: BadImage | None = None
    chosen = paths[::step]
    for path in chosen:
        try:
            with opened(path) as image:
                width, height = image.size
                # Of a JPEG it stands in the head; other formats would have to be read for it.
                turned = image.format == "JPEG" and image.getexif().get(ORIENTATION) in SIDEWAYS
                sizes.append((height, width) if turned else (width, height))
                modes[image.mode] += 1
                formats[image.format or "unknown"] += 1
        except BadImage as error:
            last = error
            bad[path.relative_to(folder).as_posix()] = " ".join(str(error.__cause__).split())
    if not sizes and last is not None:
        raise last
    widths, heights = zip(*sizes, strict=True)
    shorter = [min(size) for size in sizes]
    return FileFacts(len(chosen), Span.of(widths), Span.of(heights), Span.of(shorter), dict(modes), dict(formats), bad)


def array_facts(images: int, height: int, width: int, channels: int) -> FileFacts:
    """Of images in memory, which are all alike."""
    modes = {"L" if channels == 1 else "RGB": images}
    return FileFacts(images, Span.of([width]), Span.of([height]), Span.of([min(height, width)]), modes, {}, {})
