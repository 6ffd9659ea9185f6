"""Whatever changes a run's files does it through `models/writes.py`, so that the matrix of faults misses none of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("models", "pruning", "trainables", "search")
CHANGES = frozenset({
    "write_text", "write_bytes", "unlink", "rename", "renames", "link", "symlink", "hardlink_to", "symlink_to", "remove",
    "rmdir", "removedirs", "rmtree", "move", "copy2", "copyfile", "copyfileobj", "copytree", "touch", "truncate", "savez",
    "save_file", "savefig", "SummaryWriter", "NamedTemporaryFile", "mkstemp",
})  # fmt: skip
OWNERS = {"remove": "os", "copy": "shutil", "save": "torch"}
"""Names that other things have too count where this is before them."""
OURS = ("atomic", "writes")
ALLOWED = {
    "models/writes.py": "the one place",
    "models/atomic.py": "fills a temporary file, which only gets its name through models/writes.py",
    "models/tensor_file.py": "fills the temporary file of whoever asks",
    "models/export.py": "fills the temporary file of whoever asks",
    "models/weights/store.py": "the store of weights is no run",
    "trainables/data/sets/fetching.py": "the folder of data sets is no run",
    "trainables/files/flock.py": "an empty file, for its lock",
    "trainables/files/record.py": "opens what models/writes.py appends to",
    "trainables/files/worker_log.py": "what processes say, line by line, by themselves; nothing is read from it but for people",
    "trainables/tensorboard/board.py": "TensorBoard writes its events itself; nothing reads them but TensorBoard",
    "search/trackers/process.py": "what a tracker's own code says; nothing is read from it but by people",
    "search/tuning/callbacks/told.py": "opens what models/writes.py appends to",
    "search/tuning/driver_log.py": "what a launch says; nothing is read from it, and a full disk does not end it",
    "search/tuning/cluster/nodes.py": "a token by which machines show that they see the folder, removed before any trial",
    "search/tuning/cluster/sent_parts.py": "copies for Ray, in its temporary folder",
    "search/tuning/cluster/session.py": "Ray's temporary folder is no run",
    "search/tuning/cluster/token.py": "in Ray's temporary folder",
    "search/report/charts/drawing.py": "draws into memory",
    "search/cli.py": "a closed pipe is replaced by /dev/null",
}  # fmt: skip


def changes_in(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each call that can change a file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and (name := _change(node)) is not None:
            yield node.lineno, name


def _change(call: ast.Call) -> str | None:
    name, owner = _name_of(call.func)
    if owner in OURS:
        return None
    if name == "open":
        given = [
            one.value for one in [*call.args, *(key.value for key in call.keywords)] if isinstance(one, ast.Constant)
        ]
        modes = [one for one in given if isinstance(one, str) and len(one) <= 3 and set(one) & set("wax+")]
        return "open" if modes or owner == "os" else None
    if name == "replace":  # with one argument a path's; a text's has two
        return "replace" if owner == "os" or (owner and len(call.args) == 1 and not call.keywords) else None
    if name in OWNERS:
        return name if owner == OWNERS[name] else None
    return name if name in CHANGES else None


def _name_of(function: ast.expr) -> tuple[str, str]:
    """`b` and `a` of `a.b(...)`; of what is no name, `?`."""
    if isinstance(function, ast.Attribute):
        return function.attr, function.value.id if isinstance(function.value, ast.Name) else "?"
    return (function.id, "") if isinstance(function, ast.Name) else ("?", "?")


def test_nothing_else_changes_a_run() -> None:
    found: dict[str, list[tuple[int, str]]] = {}
    for file in (file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))):
        if changes := list(changes_in(file.read_text(encoding="utf-8"))):
            found[str(file.relative_to(ROOT))] = changes
    assert {name: where for name, where in found.items() if name not in ALLOWED} == {}
    assert ALLOWED.keys() - found.keys() == set(), "nothing is left there that would need to be allowed"


@pytest.mark.parametrize(
    ("line", "is_change"),
    [
        ("path.open('w')", True), ("open(path, mode='ab')", True), ("path.open('rb')", False), ("os.open(path, flags)", True),
        ("path.write_text(text)", True), ("atomic.write_text(path, text)", False), ("path.replace(target)", True),
        ("text.replace('a', 'b')", False), ("replace(study, name=name)", False), ("os.replace(a, b)", True),
        ("(folder / name).unlink()", True), ("writes.unlink(path)", False), ("names.remove(name)", False),
        ("os.remove(path)", True), ("file.parent.rename(aside)", True), ("torch.save(value, path)", True),
        ("save(path, state)", False), ("shutil.rmtree(folder)", True),
    ],
)  # fmt: skip
def test_what_counts_as_a_change(line: str, is_change: bool) -> None:
    assert bool(list(changes_in(line))) is is_change
