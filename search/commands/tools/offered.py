"""What a shell is offered for a word of the command line: study files, runs, keys for `--set`. Nothing heavy to import."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    found = [path for path in found if not _is_pretraining(path)]
    return _items(dict.fromkeys(map(str, found)), begun, "file")


def words(known: Iterable[str]) -> Offered:
    return lambda context, parameter, begun: [CompletionItem(one) for one in known if one.startswith(begun)]


def runs(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Folders with a run that begin so, else the shell's own folders."""
    below = [path.parent for path in [*_glob(f"{begun}*/{STUDY_FILE}"), *_glob(f"{begun}*/*/{STUDY_FILE}")]]
    return _items(dict.fromkeys(map(str, below)), begun, "dir")


def keys(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Keys of a study file for `--set`, each with its equals sign; nothing after that."""
    if "=" in begun:
        return []
    from search.config_file.key_tree import known_keys

    return [*_keys([f"trial.{key}" for key in known_keys()], begun), *_keys_of((), begun)]


def free_keys(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Those that a run which has begun may change."""
    from search.run.changing.free import DEVICE, FREE_TO_CHANGE

    return [item for item in _keys_of(FREE_TO_CHANGE, begun) if item.value.rstrip("=") not in DEVICE]


def logging_keys(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return _keys_of(("logging",), begun)


def arms(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The arms of the study or run that the command line names; none while that cannot be read."""
    from models.errors import UserError
    from search.study.load import load_study

    # An option without its value ends click's parsing, and the words are left as they are.
    place = context.params.get("study") or context.params.get("run") or next(iter(context.args), None)
    if place is None:
        return []
    path = Path(place)
    try:
        found = load_study(path / STUDY_FILE, recorded=True) if path.is_dir() else load_study(path)
    except UserError:
        return []
    return [CompletionItem(name) for name in found.arms if name.startswith(begun)]


def _keys_of(sections: Sequence[str], begun: str) -> list[CompletionItem]:
    """Keys of these sections beside `trial`, or of all."""
    from search.config_file.key_tree import known_keys
    from search.study.sections import StudySections

    known = [key for key in known_keys(StudySections) if "." in key]
    return _keys([key for key in known if not sections or key.partition(".")[0] in sections], begun)


def _keys(named: Iterable[str], begun: str) -> list[CompletionItem]:
    return [] if "=" in begun else [CompletionItem(f"{key}=") for key in named if key.startswith(begun)]


def _is_pretraining(file: Path) -> bool:
    """By the weights file that it names to be written, as no study does; nothing is imported to know it."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return any(line.startswith("output:") for line in lines)


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
