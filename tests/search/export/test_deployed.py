"""An export taken to where it is to run: its own script there, on a user's images, beside a `models/` of the user's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import models
from search import cli
from search.study.load import load_study
from tests.search.export.test_export import SMALL, run_trial
from tests.search.made_runs import MadeRun
from tests.trainables.data.made_data import write_images
from trainables.config.trial import DataConfig
from trainables.data import load_data
from trainables.data.sets.digits import DIGITS
from trainables.files.record import Identity
from trainables.files.request import TrialRequest, write_request
from trainables.files.state_files import load_tensors, predictions_file

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_data_folder")]
CLASSES = ["a cat", "dög", "emu"]
ROOT = Path(__file__).resolve().parents[3]


def exported(folder: Path, data: dict[str, Any]) -> tuple[Path, np.ndarray]:
    """The export of a trial on these data, and what the trial took each test image for."""
    path = folder / "run"
    trial = {**SMALL, "data": data, "train": {"lr": 0.003, "epochs_per_state": 1, "batch_size": 16}}
    MadeRun(path, arms={"refill": {}}, study={"trial": trial, "search": {"algorithm": "random", "trials_per_arm": 1}})
    config, identity = (
        load_study(path / "study.yaml").arm("refill").config({}),
        Identity("refill-000", "refill", "search"),
    )
    write_request(path / "trials" / identity.id, TrialRequest(identity, config.model_dump(mode="json"), {}))
    ends = run_trial(path / "trials" / identity.id, identity, config)
    assert cli.main(["export", str(path), "--out", str(folder / "small"), "--max-params", "1G"]) == 0
    card = (folder / "small" / "MODEL_CARD.md").read_text()
    (best,) = [end for end in ends if f"state {end.state} of trial" in card]
    kept = load_tensors(path / "trials" / identity.id / predictions_file(best.state))
    return folder / "small", kept["predictions"].numpy()


def said(out: Path, folder: Path, *words: str, without: str = "") -> list[str]:
    """Lines of the export's script, run in a folder with a `models/` of its own that comes first.

    `without`: libraries that are not there.
    """
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / "__init__.py").write_text("raise RuntimeError('not ours')")
    gone = "".join(f"sys.modules[{name!r}] = None\n" for name in without.split())
    (folder / "sitecustomize.py").write_text(f"import sys\n{gone}")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, out / "load_example.py", *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_image_files_are_taken_for_what_the_trial_took_them_for(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for seed, part in enumerate(("train", "val", "test")):
        write_images(root / part, CLASSES, 12 if part == "train" else 5, seed)
    data = {"name": "image_folder", "root": str(root), "image_size": 16}
    out, predictions = exported(tmp_path, data)
    files = [file for name in CLASSES for file in sorted((root / "test" / name).iterdir())]
    lines = said(out, tmp_path, *map(str, files))
    per_image = [lines[5 * number : 5 * number + 5] for number in range(len(files))]
    for file, label, (name, *answers, agree) in zip(files, predictions, per_image, strict=True):
        assert name == str(file)
        assert [answer.split()[0] for answer in answers] == ["model.pt2", "model.onnx", "model.safetensors"]
        assert all(answer.split(maxsplit=1)[1].startswith(f"{CLASSES[label]} ") for answer in answers)
        assert agree.startswith("  the 3 files agree, to ")
    ((images, _),) = load_data(DataConfig.model_validate(data), torch.device("cpu")).eval_batches("test", 64)
    take = models.preprocessing_of(out / "model.safetensors")
    torch.testing.assert_close(
        torch.from_numpy(np.concatenate([take(file) for file in files])), images, atol=1e-6, rtol=0
    )
    assert models.class_names_of(out / "model.safetensors") == tuple(CLASSES)


def test_digits_too_and_without_prunetune_or_torch(tmp_path: Path) -> None:
    config = DataConfig(name="digits", train_limit=128)
    out, predictions = exported(tmp_path, {"name": "digits", "train_limit": 128})
    place = DIGITS.find(config)
    assert place is not None
    images = DIGITS.read(config, place)
    files = [str(tmp_path / f"{number}.png") for number in range(6)]
    for number, file in enumerate(files):
        Image.fromarray(images.test_images[number, 0].numpy()).save(file)
    moved = Path(shutil.move(out, tmp_path / "elsewhere"))
    (tmp_path / "bare").mkdir()
    for without, left in (("prunetune", ["model.pt2", "model.onnx"]), ("prunetune torch", ["model.onnx"])):
        lines = said(moved, tmp_path / "bare", *files, without=without)
        answers = [line.split()[:2] for line in lines if line.startswith("  model.")]
        assert answers == [[name, str(label)] for label in predictions[:6] for name in left]
        assert "left out: model.safetensors (prunetune is not installed)" in lines
    shutil.copy(files[0], moved / "photo.jpg")
    pages = (moved / "MODEL_CARD.md", ROOT / "docs" / "deploying.md")
    blocks = [
        block for page in pages for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    ]
    done = subprocess.run([sys.executable, "-Bc", "\n".join(blocks)], cwd=moved, capture_output=True, text=True)
    assert (len(blocks), done.stdout.split()) == (7, [str(predictions[0])] * 7), done.stderr
    (moved / "photo.jpg").unlink()
    assert sorted(path.name for path in moved.iterdir() if path.suffix != ".py") == [
        "MODEL_CARD.md", "best.yaml", "model.onnx", "model.pt2", "model.safetensors",
    ]  # fmt: skip
