"""Reading a pretraining file, with `--set` options in place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from models.errors import UserError
from models.own_parts import look_in, look_in_last
from search.config_file import key_tree, packaged, yaml_file
from search.config_file.mistakes import Sources, first_problem
from search.config_file.set_option import read_set
from search.study.plain_form import with_paths
from trainables.config.pretrain import PretrainConfig

PATHS = ("output", "data.root")
"""Keys that hold paths; relative ones are taken from the file's folder, and of `--set` from the working folder."""


def load_pretraining(path: Path, sets: Sequence[str] = ()) -> PretrainConfig:
    """Read and check it. UserError names the line or the option, the key, and the nearest valid name."""
    path = packaged.found(path)
    document = yaml_file.read(path)
    if not isinstance(document.content, dict):
        raise UserError(
            f"{path}: a pretraining file with `model:` and `data:` is expected, found {document.content!r:.60}"
        )
    if "trial" in document.content and "output" not in document.content:
        raise UserError(f"{path}: this is a study file; give it to `prunetune sweep`, `trial` or `validate`")
    look_in(path.resolve().parent)
    look_in_last(Path.cwd())
    content = with_paths(document.content, path.resolve().parent, PATHS)
    sources = Sources.of_file(str(path), document.lines)
    for text in sets:
        given = read_set(text, "train.lr=0.001")
        content = with_paths(key_tree.replaced(content, given.key, given.value), Path.cwd(), PATHS)
        sources = sources.with_option((given.key,), given.option)
    try:
        return PretrainConfig.model_validate(content)
    except ValidationError as error:
        place, text = first_problem(error, content, PretrainConfig)
        raise sources.error(place, text) from None
