"""A small pretraining for tests, and who ends it early."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainables.config.pretrain import PretrainConfig
from trainables.pretraining.ending import PretrainResult
from trainables.pretraining.listener import Listener
from trainables.pretraining.run import pretrain as run


def small(folder: Path, **values: Any) -> PretrainConfig:
    content = {
        "name": "small",
        "model": {"arch": "vit_micro"},
        "data": {"name": "digits", "train_limit": 100, "augment": {"crop_padding": 1, "mixup": 0.2}},
        "train": {"lr": 3e-3, "batch_size": 50},
        "epochs": 2,
        "output": folder / "small.safetensors",
    }
    return PretrainConfig.model_validate({**content, **values})


def pretrain(config: PretrainConfig, folder: Path, listener: Listener | None = None) -> PretrainResult:
    result = run(config, folder, listener)
    assert result is not None
    return result


class Killed(Exception):
    pass


def killed_after(epoch: int) -> Listener:
    def stop(line: dict[str, Any]) -> None:
        if line["epoch"] == epoch:
            raise Killed

    return Listener(epoch=stop)


def leaving_after(steps: int) -> Listener:
    """Of this launch."""
    taken: list[int] = []
    return Listener(step=lambda done, images: taken.append(done), leaves=lambda: len(taken) >= steps)
