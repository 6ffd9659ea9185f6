"""What a machine of a cluster must have in common with the driver, and what is said where it has not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from models.versions import source_digest
from search.run.folder import RunFolder
from search.tuning.cluster.nodes import PACKAGES, Facts, difference, meet, meeting_place, node_facts, own_facts

DIGESTS = {"refill": {"weights": "a" * 64, "data": "b" * 64}}
DRIVER = Facts("3.11.7", {"torch": "2.15", "ray": "2.60.0"}, "c" * 64, "d" * 40, DIGESTS)


def test_a_machine_like_the_driver_agrees() -> None:
    assert difference(DRIVER, replace(DRIVER, commit=None)) is None


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"python": "3.12.1"}, "runs Python 3.12.1, the driver 3.11.7"),
        ({"libraries": {"torch": "2.15", "ray": "2.59"}}, "has ray 2.59, the driver 2.60.0"),
        ({"libraries": {"ray": "2.60.0"}}, "has torch none, the driver 2.15"),
        ({"code": "e" * 64, "commit": "f" * 40}, "has other code (commit ffffffffffff) than the driver (commit dddd"),
        ({"digests": {"refill": {"weights": "0" * 64, "data": "b" * 64}}}, "has other weights for arm refill"),
        (
            {"digests": {"refill": {"weights": "a" * 64, "data": "1" * 64}}},
            "has other data for arm refill (digest 1111",
        ),
        ({"digests": {}}, "(digest none"),
        ({"problem": "data.root: cifar10 was not found"}, "data.root: cifar10 was not found"),
    ],
)
def test_the_first_difference_is_named_with_its_remedy(other: dict[str, object], said: str) -> None:
    found = difference(DRIVER, replace(DRIVER, **other))
    assert found is not None
    assert said in found
    assert "\n" not in found


def test_the_run_must_be_seen_and_writable(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    with meeting_place(run) as (meeting, token):
        assert meet(meeting, "node") is None
        assert (meeting / "node").read_text() == token
        assert "a file system that all nodes share" in str(meet(tmp_path / "elsewhere" / meeting.name, "node"))
        # A name that is a folder cannot be written, whoever asks (tests may run as root, who may write anywhere).
        (meeting / "taken").mkdir()
        assert "cannot write in" in str(meet(meeting, "taken"))
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_does_not_see_the_run_says_only_that(tmp_path: Path) -> None:
    facts = Facts(**node_facts(str(tmp_path), str(tmp_path / "missing"), "node", ("refill",)))
    assert "does not see" in str(facts.problem)


def test_any_change_of_the_code_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    file = tmp_path / "models" / "one.py"
    file.write_text("a = 1\n")
    before = source_digest(PACKAGES, tmp_path)
    file.write_text("a = 2\n")
    changed = source_digest(PACKAGES, tmp_path)
    file.rename(tmp_path / "models" / "two.py")
    assert len({before, changed, source_digest(PACKAGES, tmp_path)}) == 3
    assert own_facts({}).code == source_digest(PACKAGES)
