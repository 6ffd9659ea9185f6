"""Study files whose tree of keys was changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

from search.config_file import key_tree, yaml_file
from tests.search.study.fuzzing.entries import distributions, settings
from tests.search.study.fuzzing.files import FILES
from tests.search.study.fuzzing.schema_values import KEYS_OF_TRIAL, ODD_VALUES, values_of_key

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def trees(draw: Draw, of: Sequence[str] = tuple(sorted(FILES))) -> dict[str, Any]:
    """A file's content of which one to four entries were taken out, misspelt, moved, replaced, or put in by the schema."""
    tree = yaml_file.parse(FILES[draw(st.sampled_from(of))], "a file").content
    for _ in range(draw(st.integers(1, 4))):
        tree = draw(st.sampled_from(TREE_CHANGES))(draw, tree)
    return dict(tree)


Path_ = tuple[str | int, ...]


def _paths(tree: Any, above: Path_ = ()) -> Iterator[Path_]:
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in entries:
        yield (*above, key)
        yield from _paths(value, (*above, key))


def _with(tree: Any, path: Path_, change: Callable[[Any, str | int], None]) -> Any:
    """The tree with the section or list that holds the last part of a path changed, all above it copied."""
    first, *rest = path
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    if rest:
        copy[first] = _with(copy[first], tuple(rest), change)  # type: ignore[index]  # whichever of the two it is
    else:
        change(copy, first)
    return copy


def _path(draw: Draw, tree: Any) -> Path_ | None:
    paths = list(_paths(tree))
    return draw(st.sampled_from(paths)) if paths else None


def _taken_out(draw: Draw, tree: Any) -> Any:
    path = _path(draw, tree)
    return tree if path is None else _with(tree, path, lambda holder, key: holder.__delitem__(key))


def _misspelt(draw: Draw, tree: Any) -> Any:
    def renamed(holder: Any, key: str | int) -> None:
        if not isinstance(holder, dict):
            return
        word, value = str(key), holder.pop(key)
        at = draw(st.integers(0, len(word)))
        holder[word[:at] + draw(st.sampled_from(["", "x", ".", " ", "é", "_"])) + word[at + 1 :]] = value

    path = _path(draw, tree)
    return tree if path is None else _with(tree, path, renamed)


def _moved(draw: Draw, tree: Any) -> Any:
    """What stands at one place put to another as well."""
    taken, there = _path(draw, tree), _path(draw, tree)
    if taken is None or there is None:
        return tree
    value = tree
    for part in taken:
        value = value[part]
    return _with(tree, there, lambda holder, key: holder.__setitem__(key, value))


def _of_another_kind(draw: Draw, tree: Any) -> Any:
    path, value = _path(draw, tree), draw(ODD_VALUES)
    return tree if path is None else _with(tree, path, lambda holder, key: holder.__setitem__(key, value))


def _section(tree: dict[str, Any], name: str) -> dict[str, Any]:
    return tree[name] if isinstance(tree.get(name), dict) else {}


def _of_the_schema(draw: Draw, tree: dict[str, Any]) -> dict[str, Any]:
    """A key of any section with a value of its kind, at its bounds or beyond."""
    key, value = draw(settings())
    return key_tree.replaced(tree, key, value)


def _of_an_arm(draw: Draw, tree: dict[str, Any]) -> dict[str, Any]:
    arms = _section(tree, "arms")
    arm = draw(st.sampled_from([*map(str, arms), "another"]))
    key = draw(st.sampled_from(KEYS_OF_TRIAL))
    patch = _section(arms, arm)
    return {**tree, "arms": {**arms, arm: {**patch, key: draw(values_of_key(f"trial.{key}"))}}}


def _of_the_space(draw: Draw, tree: dict[str, Any]) -> dict[str, Any]:
    key = draw(st.sampled_from(KEYS_OF_TRIAL))
    arms = [*map(str, _section(tree, "arms")), "another"]
    return {**tree, "space": {**_section(tree, "space"), key: draw(distributions(key, tuple(arms)))}}


TREE_CHANGES = (
    _taken_out,
    _misspelt,
    _moved,
    _of_another_kind,
    _of_another_kind,
    _of_the_schema,
    _of_the_schema,
    _of_an_arm,
    _of_the_space,
    _of_the_space,
)
