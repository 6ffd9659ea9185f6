"""A trial run from Python, from a study file to its exported network; and studies with values replaced."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
import torch

import prunetune
from tests.search.small_study import small_study


def test_a_path_is_a_value_too(tmp_path: Path) -> None:
    study = prunetune.load_study(small_study(tmp_path), {"trial.data.root": tmp_path / "images"})
    assert study.arm("rsst").config().data.root == tmp_path / "images"


def test_sets_are_given_as_values_or_as_options(tmp_path: Path) -> None:
    file = small_study(tmp_path)
    values = {"trial.train.lr": 0.5, "trial.data.augment.flip": True, "trial.prune.target": ["head"]}
    study = prunetune.load_study(file, values, name="other")
    config = study.arm("refill").config()
    assert (study.name, config.train.lr, config.data.augment.flip) == ("other", 0.5, True)
    options = ["trial.train.lr=0.5", "trial.data.augment.flip=true", "trial.prune.target=[head]"]
    assert prunetune.load_study(file, options, name="other") == study
    assert prunetune.load_study(file, "trial.train.lr=0.5").arm("rsst").config().train.lr == 0.5
    assert prunetune.load_study(file, {"name": "17"}).name == "17"
    args = {"trial.model.args": {"text": 'of "two" words: éß😀'}}
    assert prunetune.load_study(file, args).arm("refill").config().model.args == args["trial.model.args"]
    with pytest.raises(
        prunetune.UserError, match=r"trial\.train\.lrr is not a known key; the nearest is trial\.train\.lr"
    ):
        prunetune.load_study(file, {"trial.train.lrr": 0.5})


def test_the_arm_has_to_be_named_where_there_are_two(tmp_path: Path) -> None:
    with pytest.raises(prunetune.UserError, match="several arms; choose one of refill, rsst"):
        prunetune.run_trial(small_study(tmp_path), storage=tmp_path)


@pytest.mark.slow
def test_from_a_study_to_an_exported_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trial = prunetune.run_trial(small_study(tmp_path), "refill", seed=3)
    assert (trial.id, trial.status, trial.seed, len(trial.states)) == ("refill", "finished", 3, 2)
    again = prunetune.run_trial("small.yaml", "refill", seed=3)
    assert again == trial

    run = prunetune.Run("runs/small")
    assert run.study == prunetune.load_study("small.yaml")
    assert run.epochs()["epochs_total"].tolist() == [1, 2]
    assert run.states()["params"].tolist() == [state.params for state in trial.states]
    assert sum(one.numel() for one in trial.network().parameters()) == trial.states[-1].params

    exported = prunetune.export(run, "small", max_macs=0.9)
    network = prunetune.load("small/model.safetensors")
    images = torch.rand(2, 1, 8, 8)
    with torch.inference_mode():
        assert torch.equal(network(images), trial.network()(images))
    assert exported.candidate.name == "refill:1"
    assert "<script>" in prunetune.report(run).read_text(encoding="utf-8")
    assert "<script" not in prunetune.report(run, tmp_path / "static", static=True).read_text(encoding="utf-8")


def test_the_version_is_that_of_the_distribution() -> None:
    assert prunetune.__version__ == metadata.version("prunetune")
