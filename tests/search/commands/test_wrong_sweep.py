"""A sweep whose study is wrong: told at once and in one line, nothing written, and no Ray left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from search import cli, console
from search.tuning.cluster.resources import Node
from tests.search.small_study import small_study


@pytest.fixture
def happened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Ray did, and what was said on standard error, in order."""
    found: list[str] = []

    @contextmanager
    def session(resources: Any) -> Iterator[tuple[Node, ...]]:
        found.append("Ray starts")
        try:
            yield (Node(2),)
        finally:
            found.append("Ray ends")

    told = cli._told

    def tell(message: str, status: int) -> int:
        found.append(message)
        return told(message, status)

    monkeypatch.setattr("search.tuning.cluster.background.ray_session", session)
    monkeypatch.setattr("search.tuning.cluster.background.BackgroundRay.close", closing(found))
    monkeypatch.setattr(cli, "_told", tell)
    return found


def closing(found: list[str]) -> Any:
    from search.tuning.cluster.background import BackgroundRay

    close = BackgroundRay.close

    def waits(ray: BackgroundRay) -> None:
        close(ray)
        found.append("nothing is left of Ray")

    return waits


@pytest.mark.parametrize(
    ("sets", "message", "status"),
    [
        (["trial.model.arch=vit_nano"], "unknown architecture 'vit_nano'", 2),
        (["trial.data.name=image_folder", "trial.data.root=/no/such/place"], "image_folder was not found in", 2),
        (["trial.model.init.source=path", "trial.model.init.path={}/noise.pt"], "noise.pt", 1),
    ],
)
def test_what_is_wrong_is_said_before_ray_is_waited_for(
    tmp_path: Path,
    happened: list[str],
    capsys: pytest.CaptureFixture[str],
    sets: list[str],
    message: str,
    status: int,
) -> None:
    (tmp_path / "noise.pt").write_bytes(b"no weights at all")
    options = [part for one in sets for part in ("--set", one.format(tmp_path))]
    asked = ["sweep", str(small_study(tmp_path)), "--storage", str(tmp_path / "runs"), *options]
    assert cli.main(asked) == status
    said = next(index for index, what in enumerate(happened) if message in what)
    assert said < happened.index("nothing is left of Ray")
    assert [what for what in happened if "Ray" in what] == ["Ray starts", "Ray ends", "nothing is left of Ray"]
    assert not (tmp_path / "runs").exists()
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("prunetune: error:")]
    assert len(errors) == 1
    assert console._afterwards == []


def test_an_interrupt_while_the_study_is_checked_ends_ray_too(
    tmp_path: Path, happened: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(study: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("search.commands.sweep.check_study", interrupted)
    assert cli.main(["sweep", str(small_study(tmp_path)), "--storage", str(tmp_path / "runs")]) == 130
    assert happened == ["Ray starts", "Ray ends", "nothing is left of Ray"]
    assert capsys.readouterr().err.endswith("prunetune: interrupted\n")
    assert not (tmp_path / "runs").exists()
