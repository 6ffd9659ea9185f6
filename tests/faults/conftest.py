"""One server and one undisturbed run for all tests here: importing takes longer than most faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.cases import Commands, Undisturbed


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    started = Commands(tmp_path_factory.mktemp("faults"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def undisturbed(commands: Commands) -> Undisturbed:
    return Undisturbed.of(commands)
