"""What a study and its file are called: by the images and the question, or by the file that somebody named."""

from __future__ import annotations

import os
import re
import shlex
from itertools import count
from pathlib import Path

from models.errors import UserError
from search.new.questions import Question
from trainables.config.trial import DataConfig

SUFFIXES = (".yaml", ".yml")


def default_name(data: DataConfig, question: Question) -> str:
    """`flowers_refill_vs_rsst`, of the folder's or data set's name."""
    return f"{_cleaned(data.name if data.root is None else data.root.stem)}_{question.words}"


def study_name(out: Path) -> str:
    """Of a study file: by the file's own name, so that studies in files of their own have runs of their own."""
    return _cleaned(out.stem)


def _cleaned(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-") or "images"


def free_file(name: str) -> Path:
    """`name.yaml` in the working folder; where that is there already `name_2.yaml` or the next that is not."""
    names = (name if number == 1 else f"{name}_{number}" for number in count(1))
    return next(file for file in (Path(f"{one}.yaml") for one in names) if not file.exists())


def check_free(out: Path, force: bool) -> None:
    """UserError where it is no name of a study file, a file would be overwritten, or there is no folder to write it into."""
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise UserError(
            f"--out: {out} is {'a folder' if out.is_dir() else 'in no folder'}; name a file, such as mine.yaml"
        )
    if out.suffix.lower() not in SUFFIXES:
        raise UserError(f"--out: found {out}, expected a study file; name it {out.with_suffix('.yaml')}")
    if out.exists() and not force:
        raise UserError(f"--out: {out} is there already; name another file, or say --force to overwrite it")


def data_argument(data: DataConfig) -> str:
    """What `--data` would say, for a shell in the working folder."""
    if data.root is None:
        return shlex.quote(data.name)
    here = Path.cwd()
    return shlex.quote(os.path.relpath(data.root) if data.root.is_relative_to(here) else str(data.root))
