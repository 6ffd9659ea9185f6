"""A process ends by itself however it leaves its loader processes, which leave signals alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.trainables.data.made_data import write_images

PROGRAM = """\
import sys
from pathlib import Path
import torch
from trainables.config.trial import DataConfig
from trainables.data import load_data

config = {"name": "image_folder", "root": sys.argv[1], "image_size": 16, "val_fraction": 0.2, "workers": 2}
data = load_data(DataConfig.model_validate(config), torch.device("cpu"))
LEFT
"""
WAYS = {
    "done": 'list(data.eval_batches("val", 4))',
    "half done": "half = data.train_batches(4, 0); next(half)",
    "two at once": 'half = data.train_batches(4, 0); next(half); other = data.eval_batches("val", 4); next(other)',
    "by an error": "half = data.train_batches(4, 0); next(half); raise SystemExit(3)",
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_who_never_closes_it_ends_all_the_same(way: str, tmp_path: Path) -> None:
    write_images(tmp_path / "train", ["a", "b"], 20)
    program = PROGRAM.replace("LEFT", WAYS[way])
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60, capture_output=True, text=True)
    assert ended.returncode == (3 if way == "by an error" else 0), ended.stderr
