"""`prunetune pretrain`: what it prints, where it writes, and its one-line errors."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search.cli import main

pytestmark = pytest.mark.usefixtures("own_data_folder")
FILE = """\
name: tiny
model: {arch: vit_micro}
data: {name: digits, train_limit: 60}
train: {batch_size: 30}
epochs: 1
output: made/tiny.safetensors
"""
SEVERAL = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "-m", "search.cli"]
"""Two processes by torchrun, of what follows."""


def write(folder: Path, text: str = FILE) -> Path:
    path = folder / "pretrain.yaml"
    path.write_text(text)
    return path


def test_it_prints_one_json_object_and_writes_beside_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path)
    assert main(["pretrain", str(path), "--storage", str(tmp_path / "runs"), "--json"]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert result["file"] == str(tmp_path / "made" / "tiny.safetensors")
    assert Path(result["file"]).is_file()
    assert 0 <= result["val_accuracy"] <= 1
    assert "epoch 1/1" in printed.err
    assert main(["init", "verify", result["file"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "proven"


def test_what_it_wrote_is_tried_on_images_that_a_file_or_a_name_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, FILE.replace("train_limit: 60", "train_limit: 600").replace("epochs: 1", "epochs: 6"))
    assert main(["pretrain", str(path), "--storage", str(tmp_path / "runs")]) == 0
    file = str(tmp_path / "made" / "tiny.safetensors")
    capsys.readouterr()
    assert main(["init", "verify", file, "--data", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "proven"
    tried = found["on_data"]
    assert tried["same_data"]
    assert tried["works"]
    made = found["on_data"]["accuracy"]
    assert set(made) == {"val", "test"}
    assert main(["init", "verify", file, "--data", "digits"]) == 0
    printed = capsys.readouterr()
    assert "on digits these weights work" in printed.out
    assert "trying tiny.safetensors on digits" in printed.err
    study = tmp_path / "study.yaml"
    study.write_text(
        "trial: {model: {arch: vit_micro, init: {source: random}}, data: {name: digits, train_limit: 100}}\n"
    )
    assert main(["init", "verify", file, "--data", str(study)]) == 0
    capsys.readouterr()
    for text, told in (("digit", "the nearest is digits"), ("image_folder", "data.root"), ("cifar10", "channels")):
        assert main(["init", "verify", file, "--data", text]) == 2
        assert told in capsys.readouterr().err


def test_a_value_of_the_file_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, runs = write(tmp_path), str(tmp_path / "runs")
    sets = ["--set", "epochs=2", "--set", f"output={tmp_path}/other.safetensors", "--set", "train.batch_size=20"]
    assert main(["pretrain", str(path), "--storage", runs, "--json", *sets]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["epochs"], result["file"]) == (2, str(tmp_path / "other.safetensors"))
    for wrong, told in (("epohs=2", "epochs"), ("train.lr=fast", "train.lr"), ("epochs", "KEY=VALUE")):
        assert main(["pretrain", str(path), "--storage", runs, "--set", wrong]) == 2
        message = capsys.readouterr().err
        assert f"--set {wrong}" in message
        assert told in message
        assert message.count("\n") == 1


@pytest.mark.slow
def test_terminated_it_leaves_after_a_checkpoint_and_the_same_command_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path, FILE.replace("epochs: 1", "epochs: 300"))
    command = [sys.executable, "-m", "search.cli", "pretrain", str(path), "--storage", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("epoch 2/300"):
            process.send_signal(signal.SIGTERM)
            break
    said += process.stderr.readlines()
    assert process.wait() == 130
    assert "leaving after a checkpoint" in "".join(said)
    assert "the same command goes on with epoch" in said[-1]


def of_images(folder: Path, count: int) -> str:
    """A pretraining file of so many image files, which it writes."""
    chance = np.random.default_rng(0)
    for number in range(count):
        place = folder / "images" / "train" / f"class{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(chance.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(place / f"{number}.png")
    data = f"data: {{name: image_folder, root: {folder}/images, image_size: 8, workers: 1}}"
    return FILE.replace("data: {name: digits, train_limit: 60}", data)


def said_after_ctrl_c(command: list[str], first: str, within: float = math.inf) -> str:
    """What a command says once all of its processes have got Ctrl-C, at its first line that begins so. It leaves as the
    interrupted do, in so many seconds, and without a traceback."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(first):
            os.killpg(process.pid, signal.SIGINT)
            break
    asked = time.monotonic()
    said = process.stderr.read()
    assert process.wait() == 130, said
    assert time.monotonic() - asked < within
    assert "Traceback" not in said
    return said


@pytest.mark.slow
def test_a_signal_to_its_loader_processes_too_costs_no_step(tmp_path: Path) -> None:
    """As Ctrl-C in a terminal is, and what torchrun sends."""
    path = write(tmp_path, of_images(tmp_path, 120).replace("epochs: 1", "epochs: 500"))
    command = [sys.executable, "-m", "search.cli", "pretrain", str(path), "--storage", str(tmp_path)]
    said = said_after_ctrl_c(command, "epoch 2/500")
    assert "the same command goes on with epoch" in said


@pytest.mark.slow
def test_torchrun_starts_several_that_speak_as_one(tmp_path: Path) -> None:
    path = write(tmp_path)
    given = ["pretrain", str(path), "--storage", str(tmp_path), "--json"]
    ended = subprocess.run([*SEVERAL, *given], capture_output=True, text=True, timeout=200)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["epochs"] == 1
    assert ended.stderr.count("epoch 1/1:") == 1
    assert "2 processes on cpu train together, of each batch of 30 images about 15 each" in ended.stderr
    again = subprocess.run([sys.executable, "-m", "search.cli", *given], capture_output=True, text=True, timeout=200)
    assert json.loads(again.stdout)["epochs"] == 1, "finished in two, it is finished for one"


@pytest.mark.slow
@pytest.mark.parametrize(
    "given", [("--set", "train.batch_size=3"), ("--set", "epohs=2"), ("--set", "train.batch_size=3", "--measure")]
)
def test_of_several_the_first_alone_tells_a_mistake(given: tuple[str, ...], tmp_path: Path) -> None:
    command = [*SEVERAL, "pretrain", str(write(tmp_path)), "--storage", str(tmp_path), *given]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert ended.returncode == 1
    assert ended.stderr.count("prunetune: error") == 1, ended.stderr
    assert given[1].partition("=")[0] in ended.stderr


@pytest.mark.slow
def test_ctrl_c_while_images_are_looked_at_leaves_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, of_images(tmp_path, 60))
    # A second for each image: a minute in all.
    slowly = "import sys, time; from trainables.data import readable; decode = readable.decode; "
    slowly += (
        "readable.decode = lambda path: print('looks', file=sys.stderr, flush=True) or time.sleep(1) or decode(path); "
    )
    slowly += "from search.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", slowly, "pretrain", str(path), "--storage", str(tmp_path)]
    said = said_after_ctrl_c(command, "looks", within=20)
    assert "interrupted: the same command begins where this one did" in said


@pytest.mark.parametrize(
    ("replaced", "by", "told"),
    [
        ("epochs: 1", "epoch: 1", ("line 5", "epoch", "epochs")),
        ("arch: vit_micro", "arch: vit_mikro", ("vit_mikro", "vit_micro")),
        ("train_limit: 60", "train_limit: many", ("line 3", "data.train_limit")),
        ("{batch_size: 30}", "{epochs_per_state: 3}", ("epochs_per_state", "epochs")),
        (FILE, "just words", ("just words",)),
        (FILE, "name: a\ntrial: {}\n", ("this is a study file", "`prunetune sweep`")),
    ],
)
def test_a_mistake_is_one_line(
    replaced: str, by: str, told: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, FILE.replace(replaced, by))
    assert main(["pretrain", str(path), "--storage", str(tmp_path / "runs")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("prunetune: error: ") for line in lines] == [*[False] * (len(lines) - 1), True]
    assert all(part in lines[-1] for part in told), lines
