"""Every study file is one that runs: it loads, each arm's trials are valid, and its header tells the truth about it."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest
import torch

from models.cost import count_macs
from models.networks.registry import ARCHITECTURES, build, default_pretrained, resolve_spec, timm_name
from models.networks.variants import is_looked_up
from models.spec import ModelSpec
from models.units.describe import describe
from models.units.structure import kinds_of
from search.config_file.key_tree import within
from search.run.plan import plan_of
from search.study.compared.arms import arm_warnings
from search.study.corners import corner_values
from search.study.load import load_study
from search.study.objective_rules import check_objective
from search.study.study import Study
from search.tuning.pretraining.pretraining_file import load_pretraining as load_config
from tests.configs.files import CONFIGS, PRETRAININGS, STUDIES, header
from trainables.config.trial import DataConfig, TrialConfig
from trainables.data import KINDS, describe_data
from trainables.data.augmentation.rand_augment import rand_augment_of
from trainables.data.network_spec import network_spec

SCHEDULED = ("train.epochs_rule", "train.first_event")
"""Keys that deal out the same epochs differently."""
SIZES_OF_TRAINING = {"cifar10": 45_000, "cifar100": 45_000, "dtd": 1_880, "digits": 1_294}
"""Training images left once the validation split is taken out, and for digits the test split too."""

studies = pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
pretrainings = pytest.mark.parametrize("path", PRETRAININGS, ids=lambda path: path.stem)


@cache
def loaded(path: Path) -> Study:
    return load_study(path)


def spec_of(config: TrialConfig) -> ModelSpec:
    return network_spec(config.model, describe_data(config.data))


@cache
def kinds_of_network(arch: str, classes: int, size: int, channels: int, patch: int | None, args: str) -> set[str]:
    spec = ModelSpec(arch, classes, size, channels, patch, json.loads(args))
    with torch.random.fork_rng(devices=[]):
        return {group.kind for group in describe(build(spec))}


def test_there_are_studies_and_pretrainings() -> None:
    assert len(STUDIES) >= 7
    assert len(PRETRAININGS) >= 1


@studies
def test_study_loads_under_its_files_name_and_its_objective_can_answer(path: Path) -> None:
    study = loaded(path)
    check_objective(study)
    assert arm_warnings(study) == []
    assert study.name == path.stem
    plan_of(study)


def test_the_quickstart_ends_in_a_confirmed_comparison() -> None:
    assert loaded(CONFIGS / "quickstart.yaml").search.confirm is not None


@studies
def test_every_arm_makes_trials_at_both_ends_of_the_space(path: Path) -> None:
    study = loaded(path)
    for arm in study.arms.values():
        made = [arm.config(values, seed=7) for values in corner_values(study, arm)]
        assert made
        assert all(config.seed == 7 for config in made)
        for parameter in arm.parameters:
            assert len({str(value) for value in parameter.distribution.corners()}) > 1


@studies
def test_networks_exist_and_have_the_units_that_are_removed(path: Path) -> None:
    study = loaded(path)
    for arm in study.arms:
        config = study.arm(arm).config(study.space.sample(arm, seed=0))
        spec = spec_of(config)
        kinds = kinds_of_network(
            spec.arch, spec.num_classes, spec.img_size, spec.in_chans, spec.patch_size, json.dumps(spec.args)
        )
        assert kinds >= set(kinds_of(config.prune.target))


@studies
def test_pretrained_weights_are_published_or_our_own(path: Path) -> None:
    study = loaded(path)
    for arm in study.arms:
        config = study.arm(arm).config(study.space.sample(arm, seed=0))
        init = config.model.init
        if init.source != "pretrained":
            continue
        if is_looked_up(config.model.arch):
            continue  # made by `prunetune pretrain`, and found on the machine
        tag = init.tag or default_pretrained(config.model.arch)
        assert tag is not None
        assert tag.startswith("weights:") or timm_name(tag)


@studies
def test_augmentation_can_be_done(path: Path) -> None:
    study = loaded(path)
    for arm in study.arms:
        data = study.arm(arm).config(study.space.sample(arm, seed=0)).data
        assert data.name in KINDS
        if data.augment.rand_augment is not None:
            rand_augment_of(data.augment.rand_augment)
        if data.augment.random_resized_crop is not None:
            assert data.name in ("dtd", "image_folder")


@studies
def test_methods_are_compared_beside_a_dense_arm_of_equal_epochs(path: Path) -> None:
    study = loaded(path)
    configs = {name: arm.config(study.space.sample(name, seed=0)) for name, arm in study.arms.items()}
    if not any(config.prune.traits.makes_smaller for config in configs.values()):
        return
    dense = [config for config in configs.values() if config.prune.method == "dense"]
    assert dense
    # An arm that says itself how long it trains is there to be compared in that.
    of_patch = {name for name, arm in study.arms.items() if any(within(key, "train") for key in arm.patch)}
    configs = {name: config for name, config in configs.items() if name not in of_patch}
    totals = {sum(config.epochs_of_states()) for config in configs.values()}
    assert totals == {sum(dense[0].epochs_of_states())}
    searched = study.space.keys()
    if not any(within(key, "prune.schedule") or key in SCHEDULED for key in searched):
        assert {config.epochs_of_states() for config in configs.values()} == {dense[0].epochs_of_states()}


@studies
def test_header_gives_the_command_and_the_size_of_the_study(path: Path) -> None:
    text, study = header(path), loaded(path)
    assert f"prunetune sweep configs/{path.name}" in text
    asked = re.search(r"Asks for (\d+) trials(?: of|,) (\d+) epochs", text)
    assert asked, "the header says how many trials and epochs the study asks for"
    trials, epochs = _trials_and_epochs(study)
    assert (int(asked[1]), int(asked[2])) == (trials, epochs)


@studies
def test_header_counts_multiply_accumulates_rightly(path: Path) -> None:
    said = re.search(
        r"at most ([\d.]+e\d+) multiply-accumulates: 3 x ([\d.]+e\d+) per image x (\d+) images", header(path)
    )
    assert said, "the header says what training costs at most, and how that is counted"
    study = loaded(path)
    arm = next(iter(study.arms))
    config = study.arm(arm).config(study.space.sample(arm, seed=0))
    spec = spec_of(config)
    with torch.random.fork_rng(devices=[]):
        macs = count_macs(build(spec), spec.input_shape)
    images = config.data.train_limit or SIZES_OF_TRAINING[config.data.name]
    assert int(said[3]) == images
    assert float(said[2]) == pytest.approx(macs, rel=5e-3)
    assert float(said[1]) == pytest.approx(3 * macs * images * _trials_and_epochs(study)[1], rel=1e-2)


def test_digits_train_on_as_many_images_as_its_header_says() -> None:
    from trainables.data import load_data

    data = load_data(DataConfig(name="digits"), torch.device("cpu"))
    assert data.sizes["train"] == SIZES_OF_TRAINING["digits"]


@studies
def test_gpu_is_asked_for_or_clearly_not(path: Path) -> None:
    words, wanted = header(path), loaded(path).resources.gpus_per_trial
    assert ("on a GPU" in words) == (wanted != 0)
    assert "on a GPU" in words or "on CPUs" in words


@pretrainings
def test_pretraining_loads_and_its_network_exists(path: Path) -> None:
    config = load_config(path)
    assert config.output.suffix == ".safetensors"
    assert config.model.arch in ARCHITECTURES
    if config.data.augment.rand_augment is not None:
        rand_augment_of(config.data.augment.rand_augment)
    with torch.random.fork_rng(devices=[]):
        build(resolve_spec(config.model.arch, 2, config.data.image_size or 28, 3, patch_size=config.model.patch_size))


@pretrainings
def test_pretraining_says_its_command(path: Path) -> None:
    assert f"prunetune pretrain configs/{path.name}" in header(path)


def _trials_and_epochs(study: Study) -> tuple[int, int]:
    trials = epochs = 0
    for plan in plan_of(study):
        count = len(plan.search_ids) + plan.confirm_trials
        config = study.arm(plan.arm).config(study.space.sample(plan.arm, seed=0))
        trials, epochs = trials + count, epochs + count * sum(config.epochs_of_states())
    return trials, epochs
