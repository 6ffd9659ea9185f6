"""What a shell is offered for a word of the command line: study files, runs, keys for `--set`. Nothing heavy to import."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_PRUNETUNE_COMPLETE"
"""The environment variable by which a shell asks for what may come next on the command line."""
STUDY_FILE = "study.yaml"
STUDIES = ("*.yaml", "*.yml")
Offered = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def studies(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """YAML files that begin so, those one folder further down too; else the shell's own files."""
    found = [path for pattern in STUDIES for path in [*_matching(begun, pattern), *_matching(f"{begun}*/", pattern)]]
    return _items(dict.fromkeys(map(str, found)), begun, "file")


def runs(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Folders with a run that begin so, else the shell's own folders."""
    below = [path.parent for path in [*_glob(f"{begun}*/{STUDY_FILE}"), *_glob(f"{begun}*/*/{STUDY_FILE}")]]
    return _items(dict.fromkeys(map(str, below)), begun, "dir")


def keys(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Keys of a study file for `--set`, each with its equals sign; nothing after that."""
    if "=" in begun:
        return []
    from search.config_file.key_tree import known_keys
    from search.study.sections import StudySections

    named = [f"trial.{key}" for key in known_keys()] + [key for key in known_keys(StudySections) if "." in key]
    return [CompletionItem(f"{key}=") for key in named if key.startswith(begun)]


def _matching(begun: str, pattern: str) -> Iterable[Path]:
    """What matches the pattern and begins with the text, or lies in the folder that it ends with."""
    return (
        path for path in _glob(f"{begun}*" if not begun.endswith("/") else f"{begun}{pattern}") if path.match(pattern)
    )


def _glob(pattern: str) -> list[Path]:
    pattern = str(Path(pattern).expanduser()) if pattern.startswith("~") else pattern
    root = Path("/") if pattern.startswith("/") else Path()
    return sorted(root.glob(pattern.lstrip("/")))


def _items(found: Iterable[str], begun: str, otherwise: str) -> list[CompletionItem]:
    items = [CompletionItem(one) for one in found if one.startswith(begun)]
    return items or [CompletionItem(begun, type=otherwise)]
