"""Which URLs a run may have, and where on this machine its working copy lies."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path

from models import atomic
from models.errors import UserError
from models.local_path import environment_path

CACHE = "PRUNETUNE_CACHE"
MARKER = ".bucket"
"""In a folder of working copies: the URL of the place whose runs they are."""
PACKAGES: Mapping[str, tuple[str, str]] = {
    "s3": ("s3fs", "cloud"),
    "s3a": ("s3fs", "cloud"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
    "az": ("adlfs", "azure"),
    "abfs": ("adlfs", "azure"),
    "abfss": ("adlfs", "azure"),
}
"""Scheme → the package that speaks it, and this project's extra that installs it."""
BUILT_IN = ("file", "memory")


def check_scheme(url: str) -> None:
    """UserError, in one line, for a scheme that is not known or whose package is not installed."""
    scheme = url.partition(":")[0].lower()
    if scheme in BUILT_IN:
        return
    if scheme not in PACKAGES:
        raise UserError(
            f"{url}: no place for runs; expected a folder or one of {', '.join(f'{one}://' for one in PACKAGES)}"
        )
    package, extra = PACKAGES[scheme]
    if importlib.util.find_spec(package) is None:
        raise UserError(f"{url}: needs the package {package}, which is not installed; pip install 'prunetune[{extra}]'")


def runs_url(url: str, runs: int) -> list[str]:
    """[the URL of the place that holds runs, the names of the last `runs` parts]. UserError for one that can hold none.

    What is in memory alone would be gone with this process.
    """
    check_scheme(url)
    scheme, _, rest = url.partition("://")
    parts = rest.split("/")
    if scheme == "memory" or (not parts[0] and scheme != "file") or len(parts) < 1 + runs or not parts[-1]:
        expected = "s3://bucket/runs/quickstart" if runs else "s3://bucket/runs"
        raise UserError(f"{url}: no place for runs; expected a folder, or a URL such as {expected}")
    return ["/".join(url.split("/")[: len(url.split("/")) - runs]), *parts[len(parts) - runs :]]


def copies_folder(url: str) -> Path:
    """The folder of the working copies of the runs under this URL."""
    url = url.rstrip("/")
    readable = re.sub(r"[^A-Za-z0-9]+", "-", url)[:40].strip("-")
    cache = environment_path(CACHE, os.environ.get(CACHE) or "~/.cache/prunetune")
    return cache.absolute() / "runs" / f"{readable}-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def opened_copies(url: str) -> Path:
    """As `copies_folder`, made, with the mark by which `url_of` knows it."""
    folder = copies_folder(url)
    if not (folder / MARKER).exists():
        atomic.write_text(folder / MARKER, f"{url.rstrip('/')}\n")
    return folder


def copies_of(path: Path) -> Path | None:
    """The folder of working copies that a path lies in; None for one that is in no bucket."""
    return next((folder for folder in path.parents if (folder / MARKER).is_file()), None)


def url_of(path: Path) -> str | None:
    """What a path in a working copy is the copy of; None for one that is in no bucket."""
    folder, bucket = copies_of(path), bucket_of(path)
    return None if folder is None else f"{bucket}/{path.relative_to(folder).as_posix()}"


def bucket_of(path: Path) -> str | None:
    """The URL of the place that holds the run in whose working copy a path lies; None for one that is in no bucket."""
    folder = copies_of(path)
    return None if folder is None else (folder / MARKER).read_text(encoding="utf-8").strip()


def on_this_machine(path: Path) -> Path:
    """A path in a working copy on another machine, as it is on this one; any other path as it is."""
    for place, part in enumerate(path.parts):
        here = copies_folder("x").parent / part
        if (here / MARKER).is_file():
            return here.joinpath(*path.parts[place + 1 :])
    return path


def with_urls(text: str) -> str:
    """A text for people, with URLs in place of the working copies' folders."""
    pattern = re.escape(str(copies_folder("x").parent)) + r"/[^/\s:;,]+"
    return re.sub(pattern, lambda found: bucket_of(Path(found[0]) / "run") or found[0], text)
