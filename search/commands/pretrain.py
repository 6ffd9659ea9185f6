"""`prunetune pretrain`: initial weights of our own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from filelock import FileLock, Timeout
from pydantic import ValidationError

from models.errors import UserError
from search.commands.common import PATH, Outcome, Subcommand, check_writable
from search.config_file import yaml_file
from search.config_file.mistakes import Sources, first_problem
from search.evidence.formats import number
from search.study.plain_form import with_paths
from trainables.config.pretrain import PretrainConfig

PATHS = ("output", "data.root")
"""Keys that hold paths; relative ones are taken from the file's folder."""


@click.command("pretrain", cls=Subcommand, example="prunetune pretrain configs/pretrain_vit_micro.yaml")
@click.argument("path", type=PATH, metavar="CONFIG", help="a pretraining file, such as configs/pretrain_vit_micro.yaml")
@click.option("--storage", type=PATH, default=Path("runs"), metavar="DIR", help="folder to work in (default: runs)")
def command(path: Path, storage: Path) -> Outcome:
    """Train a dense network from random weights and write a weights file with its provenance, to start trials from."""
    from trainables.pretrain import pretrain

    config = load_config(path)
    folder = storage / f"pretrain-{config.name}"
    check_writable(folder, "--storage")
    check_writable(config.output.parent, "`output` in the file")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            result = pretrain(config, folder, lambda line: _show(line, config.epochs), _tell)
    except Timeout:
        raise UserError(
            f"{folder}: another pretraining is at work there; wait for it, or choose another --storage"
        ) from None
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command goes on after the last epoch") from None
    json = {
        "file": str(result.path),
        "sha256": result.sha256,
        "epochs": len(result.history),
        "val_accuracy": result.val_accuracy,
        "test_accuracy": result.test_accuracy,
    }
    text = (
        f"{result.path}: {len(result.history)} epochs, validation accuracy {result.val_accuracy:.4f}, "
        f"test accuracy {number(result.test_accuracy, '{:.4f}')}, sha256 {result.sha256[:12]}…"
    )
    return Outcome(json=json, text=text)


def load_config(path: Path) -> PretrainConfig:
    """Read and check a pretraining file. UserError names the line, the key, and the nearest valid name."""
    document = yaml_file.read(path)
    if not isinstance(document.content, dict):
        raise UserError(
            f"{path}: a pretraining file with `model:` and `data:` is expected, found {document.content!r:.60}"
        )
    if "trial" in document.content and "output" not in document.content:
        raise UserError(f"{path}: this is a study file; give it to `prunetune sweep`, `trial` or `validate`")
    content = with_paths(document.content, path.resolve().parent, PATHS)
    try:
        return PretrainConfig.model_validate(content)
    except ValidationError as error:
        place, text = first_problem(error, content, PretrainConfig)
        raise Sources.of_file(str(path), document.lines).error(place, text) from None


def _tell(line: str) -> None:
    print(f"prunetune: {line}", file=sys.stderr, flush=True)


def _show(line: Mapping[str, Any], epochs: int) -> None:
    print(
        f"epoch {line['epoch']}/{epochs}: training loss {line['train_loss']:.4f}, "
        f"validation accuracy {line['val_accuracy']:.4f}",
        file=sys.stderr,
        flush=True,
    )
