"""YAML 1.2 read safely into plain data, with the line of every key, and written so that it reads back equal.

Booleans are only `true` and `false` (so `off`, `on`, `no` stay words), `1e-3` is a number, `010` is ten, a date stays text,
a key is text whatever it looks like, as in JSON, and given twice it is an error.
"""

from __future__ import annotations

import io
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.representer import SafeRepresenter
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scanner import Scanner

from models.errors import UserError
from search.config_file import packaged

Path_ = tuple[str | int, ...]
MOST_NODES = 100_000
"""More than any honest file has; aliases that multiply stop here."""
DEEPEST = 50
"""Sections and lists within each other; whoever walks through the content may call itself so often."""
INTEGERS = range(-(2**63), 2**63)
"""What seeds, tensors and JSON readers can hold."""

TOO_DEEP = f"sections and lists stand more than {DEEPEST} deep within each other"
TAG = "tag:yaml.org,2002:"
NUMBER = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
SCALARS = (
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    ("float", rf"(?:{NUMBER}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", "-+.0123456789"),
)
"""What is not text. ruamel.yaml's own table has `1_000` and dates as well."""


class Resolver(VersionedResolver):
    """Which scalar is what, in whatever version of YAML a file says it is."""

    processing_version = (1, 2)
    versioned_resolver: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


for _kind, _pattern, _firsts in SCALARS:
    for _first in _firsts:
        Resolver.versioned_resolver.setdefault(_first, []).append((TAG + _kind, re.compile(_pattern)))


class ShallowScanner(Scanner):
    """Stops at brackets too deep within each other, before time is spent on them: ruamel.yaml's grows with their square."""

    def fetch_flow_collection_start(self, TokenClass: Any, to_push: str) -> None:
        if len(self.flow_context) >= DEEPEST:
            raise MarkedYAMLError(None, None, TOO_DEEP, self.reader.get_mark())
        super().fetch_flow_collection_start(TokenClass, to_push)


class Representer(SafeRepresenter):
    """Equal values are written out each time: a reader should not have to follow anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_number(self, data: float) -> Any:
        """`1.0e-05`, a number in YAML 1.1 too."""
        node = self.represent_float(data)
        if "." not in node.value:
            node.value = node.value.replace("e", ".0e", 1)
        return node


Representer.add_representer(float, Representer.represent_number)


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
        raise UserError(f"{path}: there is no such file{packaged.hint(path)}") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; a YAML file is expected") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file in UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Document:
    """Parse YAML text; `source` names it in errors."""
    reading = _Reading(source)
    try:
        node = _yaml().compose(text)
        return Document(None if node is None else reading.plain(node, (), ()), reading.lines)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        problem = str(error.problem or error.context)
        problem = problem.replace("found ('", "found '").removesuffix(",)")  # ruamel.yaml shows one token as a tuple
        raise UserError(f"{source}{line}: this is not YAML: {problem}") from None
    except RecursionError:
        raise UserError(f"{source}: this is not YAML: {TOO_DEEP}") from None
    except (YAMLError, ValueError) as error:
        raise UserError(f"{source}: this is not YAML: {' '.join(str(error).split())}") from None


def dump(content: Any) -> str:
    """Deterministic YAML of plain data, in the order of its keys, that `parse` reads back equal."""
    text = io.StringIO()
    _yaml().dump(content, text)
    return text.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.width = sys.maxsize  # a path or a text stays on its key's line
    yaml.Scanner, yaml.Resolver, yaml.Representer = ShallowScanner, Resolver, Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # there it is None or nothing
    yaml.composer.warn_double_anchors = False
    return yaml


@dataclass
class _Reading:
    """Plain data of a file's nodes; `lines` is filled on the way."""

    source: str
    lines: dict[Path_, int] = field(default_factory=dict)

    def plain(self, node: Node, path: Path_, above: tuple[Node, ...]) -> Any:
        line = _line(node)
        if node in above:
            raise UserError(f"{self.source}, line {line}: an alias refers to what it stands in")
        if len(above) > DEEPEST:
            raise UserError(f"{self.source}, line {line}: {TOO_DEEP}")
        if len(self.lines) > MOST_NODES:
            raise UserError(f"{self.source}: more than {MOST_NODES} entries; aliases multiply here")
        self.lines.setdefault(path, line)
        if isinstance(node, SequenceNode) and node.tag == TAG + "seq":
            return [self.plain(child, (*path, place), (*above, node)) for place, child in enumerate(node.value)]
        if isinstance(node, MappingNode) and node.tag == TAG + "map":
            return self._mapping(node, path, (*above, node))
        return _scalar(node)

    def _mapping(self, node: MappingNode, path: Path_, above: tuple[Node, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, child in node.value:
            if not isinstance(key, ScalarNode) or not key.value:
                raise UserError(f"{self.source}, line {_line(key)}: a key must be a plain word")
            inner = (*path, key.value)
            if inner in self.lines:
                raise UserError(f"{self.source}, line {_line(key)}: {dotted(inner)} is given twice")
            self.lines[inner] = _line(key)
            _scalar(key)  # a key may have no tag of its own either
            found[key.value] = self.plain(child, inner, above)
        return found


def _scalar(node: Node) -> Any:
    text = node.value
    if isinstance(text, str) and "\0" in text:
        raise MarkedYAMLError(None, None, "found a NUL character, which no name and no path can have", node.start_mark)
    match str(node.tag).removeprefix(TAG) if isinstance(node, ScalarNode) else None:
        case "str":
            return text
        case "null":
            return None
        case "bool" if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case "int":
            return _whole_number(text, node)
        case "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    problem = f"could not determine a constructor for the tag {node.tag!r}"
    raise MarkedYAMLError(None, None, problem, node.start_mark)


def _whole_number(text: str, node: Node) -> int:
    # The length first: Python itself reads no number of more than 4300 digits.
    if len(text) < 1000 and (number := int(text, 16 if text.lower().startswith("0x") else 10)) in INTEGERS:
        return number
    found = text if len(text) <= 40 else f"{text[:37]}..."
    raise MarkedYAMLError(None, None, f"whole numbers have at most 64 bits here, found {found}", node.start_mark)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def dotted(path: Path_) -> str:
    """`trial.train.betas[1]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
