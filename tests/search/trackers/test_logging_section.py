"""What a study may say of `logging`, and what is refused before anything runs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from search import cli
from search.run.folder import RunFolder
from search.run.manifest import check_same_study, write_launch
from search.run.possible import trackers
from search.run.possible.trackers import tracker_warnings
from search.study.load import load_study
from search.study.study import Study
from search.trackers.catalogue import whole_run
from tests.search.made_runs import MadeRun
from tests.search.small_study import small_study

SERVER = {"mlflow": {"tracking_uri": "http://localhost:5000"}}


def logged(folder: Path, logging: Any, sets: tuple[str, ...] = ()) -> Study:
    return load_study(small_study(folder, logging=logging), sets)


@pytest.mark.parametrize(
    ("written", "tensorboard", "names"),
    [
        (["tensorboard"], True, ()),
        ("mlflow", False, ("mlflow",)),
        (["tensorboard", "mlflow", "wandb"], True, ("mlflow", "wandb")),
        (["tensorboard", SERVER], True, ("mlflow",)),
        (SERVER, True, ("mlflow",)),
        ({"mlflow": True, "comet": False}, True, ("mlflow",)),
        ({"tensorboard": False}, False, ()),
        ([], False, ()),
    ],
)
def test_a_list_or_a_section(tmp_path: Path, written: Any, tensorboard: bool, names: tuple[str, ...]) -> None:
    study = logged(tmp_path, written)
    assert (study.logging.tensorboard, study.logging.trackers) == (tensorboard, names)
    again = tmp_path / "again.yaml"
    again.write_text(study.to_yaml(), encoding="utf-8")
    assert load_study(again) == study


def test_without_it_there_is_tensorboard_alone(tmp_path: Path) -> None:
    study = load_study(small_study(tmp_path))
    assert (study.logging.tensorboard, study.logging.trackers) == (True, ())


def test_an_option_reaches_a_setting_of_a_list(tmp_path: Path) -> None:
    study = logged(tmp_path, ["wandb"], ("logging.mlflow.experiment=mine",))
    assert study.logging.trackers == ("mlflow", "wandb")
    assert study.logging.mlflow is not None
    assert study.logging.mlflow.experiment == "mine"
    assert not study.logging.tensorboard


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (["mlflw"], "logging: 'mlflw' is none of tensorboard, mlflow, wandb, comet; the nearest is mlflow"),
        ([3], "logging: names of tensorboard, mlflow, wandb, comet are expected, found 3"),
        ({"mlflow": {"uri": "x"}}, "logging.mlflow.uri is not a known key"),
        ({"wandb": {"mode": "off"}}, "logging.wandb.mode: 'off' is none of online, offline"),
        (3, "logging: a section with keys is expected, found 3"),
    ],
)
def test_a_mistake_has_its_line(tmp_path: Path, written: Any, told: str) -> None:
    with pytest.raises(UserError) as error:
        logged(tmp_path, written)
    assert told in str(error.value)
    assert "small.yaml, line" in str(error.value)


def test_where_trials_are_shown_makes_no_other_trials_and_may_change(tmp_path: Path) -> None:
    plain, shown = load_study(small_study(tmp_path)), logged(tmp_path, ["mlflow"])
    assert plain.arms["rsst"].config() == shown.arms["rsst"].config()
    run = RunFolder(MadeRun(tmp_path / "made").path)
    write_launch(run, 1, {}, {}, [], load_study(run.study_file, recorded=True))
    check_same_study(run, load_study(run.study_file, ("logging=[mlflow]",), recorded=True))


def test_a_package_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> ModuleSpec | None:
        return None if name == "mlflow" else ModuleSpec(name, None)

    monkeypatch.setattr(trackers, "find_spec", find)
    study = logged(tmp_path, ["mlflow"])
    with pytest.raises(UserError, match=r'line \d+: logging.mlflow: .* by `pip install "prunetune\[mlflow\]"`'):
        tracker_warnings(study, begun=False)
    (told,) = tracker_warnings(study, begun=True)
    assert "not installed" in told


@pytest.fixture
def answering() -> Iterator[str]:
    """The URL of a server that answers everything with 401."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_server_that_is_named_has_to_answer(tmp_path: Path, answering: str) -> None:
    assert tracker_warnings(logged(tmp_path, {"mlflow": {"tracking_uri": answering}}), begun=False) == []
    gone = logged(tmp_path, {"mlflow": {"tracking_uri": "http://127.0.0.1:9"}})
    with pytest.raises(UserError, match=r"logging.mlflow: http://127.0.0.1:9/health does not answer"):
        tracker_warnings(gone, begun=False)
    (told,) = tracker_warnings(gone, begun=True)
    assert "does not answer" in told


def test_a_login_in_a_url_is_neither_asked_with_nor_printed(tmp_path: Path, answering: str) -> None:
    with_login = answering.replace("://", "://me:secret@")
    assert tracker_warnings(logged(tmp_path, {"mlflow": {"tracking_uri": with_login}}), begun=False) == []
    (told,) = tracker_warnings(
        logged(tmp_path, {"mlflow": {"tracking_uri": "http://me:secret@127.0.0.1:9"}}), begun=True
    )
    assert "http://127.0.0.1:9/health does not answer" in told
    assert "secret" not in told


def test_what_answers_in_no_http_is_no_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"
        (told,) = tracker_warnings(logged(tmp_path, {"mlflow": {"tracking_uri": uri}}), begun=True)
        thread.join()
    assert "does not answer within 5 s (BadStatusLine" in told


def test_only_the_search_of_a_dense_recipe_is_a_part_of_the_run_above_it(tmp_path: Path) -> None:
    space = {"train.lr": {"log_uniform": [1e-4, 1e-2]}, "train.state0.lr": {"log_uniform": [1e-4, 1e-2]}}
    search = {"algorithm": "random", "trials_per_arm": 2, "state0": {"trials": 2}}
    searched: dict[str, Any] = {"search": search, "space": space}
    for study, names in (({}, ()), (searched, ("state0", "state0.r1"))):
        above = tmp_path / f"above{len(names)}"
        small_study(tmp_path, **study).rename(tmp_path / "study.yaml")
        above.mkdir()
        (tmp_path / "study.yaml").rename(above / "study.yaml")
        for name in ("state0", "state0.r1", "mine"):
            (above / name).mkdir()
            expected = above if name in names else above / name
            assert whole_run(RunFolder(above / name)).path == expected


def test_offline_nothing_is_asked_and_online_there_has_to_be_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_MODE", "WANDB_API_KEY", "COMET_OFFLINE", "COMET_API_KEY", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("wandb", "comet"):
        assert tracker_warnings(logged(tmp_path, {name: {"mode": "offline"}}), begun=False) == []
        with pytest.raises(UserError, match=rf"logging.{name}: there is no login .* logging.{name}.mode: offline"):
            tracker_warnings(logged(tmp_path, [name]), begun=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("COMET_OFFLINE", "1")
    assert tracker_warnings(logged(tmp_path, ["mlflow", "wandb", "comet"]), begun=False) == []


def test_a_run_without_a_tracker_has_none_to_send_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["log", str(MadeRun(tmp_path / "made").path)]) == 2
    assert "its study names no tracker beside TensorBoard; name one" in capsys.readouterr().err


def test_a_server_that_an_option_named_is_no_line_of_the_file(tmp_path: Path) -> None:
    option = "logging.mlflow.tracking_uri=http://127.0.0.1:9"
    (told,) = tracker_warnings(logged(tmp_path, {"mlflow": {"experiment": "mine"}}, (option,)), begun=True)
    assert told.startswith("--set")
