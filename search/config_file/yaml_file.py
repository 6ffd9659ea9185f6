"""YAML read safely, with the line of every key, and without the traps of YAML 1.1.

Booleans are only `true` and `false` (so `off`, `on`, `no` stay words), `1e-3` is a number, `010` is ten, a date stays text,
and a key given twice is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from models.errors import UserError

Path_ = tuple[str | int, ...]
MOST_NODES = 100_000
"""More than any honest file has; aliases that multiply stop here."""

SCALARS = (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$|^0x[0-9a-fA-F]+$", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$",
        "-+.0123456789",
    ),
)


class Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2."""


class Dumper(yaml.SafeDumper):
    """SafeDumper that quotes exactly what Loader would otherwise not read back as text."""

    def ignore_aliases(self, data: Any) -> bool:
        """Equal values are written out each time: a reader should not have to follow anchors."""
        return True


for _class in (Loader, Dumper):
    _class.yaml_implicit_resolvers = {}
    for _tag, _pattern, _first in SCALARS:
        _class.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))
Loader.add_constructor(
    "tag:yaml.org,2002:int", lambda _, node: int(node.value, 16 if node.value.lower().startswith("0x") else 10)
)


@dataclass(frozen=True)
class Document:
    """A file's content and, for every path of keys and list positions in it, the line (from 1) where it stands."""

    content: Any
    lines: dict[Path_, int]


def read(path: Path) -> Document:
    """Read a YAML file. UserError, with the line, where there is none or it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; a YAML file is expected") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file in UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Document:
    """Parse YAML text; `source` names it in errors."""
    loader = Loader(text)
    try:
        node = loader.get_single_node()
        lines: dict[Path_, int] = {}
        if node is None:
            return Document(None, lines)
        _note_lines(node, (), lines, source, ())
        return Document(loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{source}{line}: this is not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"{source}: this is not YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()


def value(text: str, source: str) -> Any:
    """One value as the file's own syntax has it, for the command line."""
    return parse(text, source).content


def dump(content: Any) -> str:
    """Deterministic YAML of plain data, in the order of its keys, that `parse` reads back equal."""
    return yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)


def _note_lines(
    node: yaml.Node, path: Path_, lines: dict[Path_, int], source: str, above: tuple[yaml.Node, ...]
) -> None:
    line = node.start_mark.line + 1
    if node in above:
        raise UserError(f"{source}, line {line}: an alias refers to what it stands in")
    if len(lines) > MOST_NODES:
        raise UserError(f"{source}: more than {MOST_NODES} entries; aliases multiply here")
    lines.setdefault(path, line)
    if isinstance(node, yaml.SequenceNode):
        for position, child in enumerate(node.value):
            _note_lines(child, (*path, position), lines, source, (*above, node))
        return
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, child in node.value:
        key_line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{source}, line {key_line}: a key must be a plain word")
        if key.value in seen:
            raise UserError(f"{source}, line {key_line}: {dotted((*path, key.value))} is given twice")
        seen.add(key.value)
        lines[(*path, key.value)] = key_line
        _note_lines(child, (*path, key.value), lines, source, (*above, node))


def dotted(path: Path_) -> str:
    """`trial.train.betas[1]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
