"""What a configuration asks for that its data and network cannot give, found before the first step and not in state 1."""

from __future__ import annotations

from torch import nn

from models.errors import UserError
from models.save_load import LoadedModel
from models.units.describe import describe
from models.units.structure import UNREAD, WORDS, kinds_of
from pruning.catalogue import CRITERIA
from pruning.methods import Method
from trainables.config.augment import AugmentConfig
from trainables.config.distill import DENSE
from trainables.config.trial import TrialConfig
from trainables.data import Data, check_augment
from trainables.states.network import Network
from trainables.states.unit_budget import smallest_macs
from trainables.training.batch_norm import has_batch_norm


def check_augment_of_state0(config: TrialConfig) -> None:
    """UserError where `train.state0.augment` cannot be done to the images of the trial's data."""
    augment = config.state0_of(0).augment
    if augment is not None:
        check_augment(config.data, augment, "train.state0.augment")


def check_batches(config: TrialConfig, data: Data, network: Network) -> None:
    """UserError where the training images make no batch, or batches too small for the recipe or the network."""
    for state in range(min(config.states + 1, 2)):
        _check_batches_of(config, state, data, network)


def _check_batches_of(config: TrialConfig, state: int, data: Data, network: Network) -> None:
    size, images = config.train_of_state(state).batch_size, data.sizes["train"]
    if data.steps_per_epoch(size) == 0:
        raise UserError(
            f"data: {images} training image makes no batch (a last batch of one is left out); "
            "raise data.train_limit or lower data.val_fraction"
        )
    if size > 1:
        return
    own, augment = config.state0_of(state), config.augment_of_state(state)
    key = "train.batch_size" if own.batch_size is None else "train.state0.batch_size"
    section = "data.augment" if own.augment is None else "train.state0.augment"
    check_single_images(augment, section, network.model, network.spec.arch, key)


def check_single_images(augment: AugmentConfig, section: str, model: nn.Module, arch: str, key: str) -> None:
    """UserError where batches of one image, which `key` asks for, do not do for the recipe or the network. `augment` stands in
    `section`."""
    if augment.mixup > 0 or augment.cutmix > 0:
        raise UserError(f"found 1, but {section}.mixup and cutmix mix two images; make it 2 or more", key=key)
    if has_batch_norm(model):
        raise UserError(f"found 1, but {arch} has BatchNorm; make it 2 or more", key=key)


def check_macs_target(config: TrialConfig, method: Method, network: Network) -> None:
    """UserError where even the smallest network that the ratios and floors allow costs more than the target."""
    target = config.prune.schedule.macs_target
    if target is None or not method.traits.makes_smaller:
        return
    share = smallest_macs(network, config.prune, method) / network.dense_macs
    if share > target:
        raise UserError(
            f"found {target:g}, but the smallest network that the ratios, min_kept and round_to allow "
            f"has {share:.4f} of the dense MACs; raise it, lower prune.min_kept or prune.round_to, or give more kinds a ratio "
            "above 0",
            key="prune.schedule.macs_target",
        )


def check_scratch_source(config: TrialConfig, source: LoadedModel, network: Network) -> None:
    """UserError where the file's structure belongs to another network, or does not say how long it was trained."""
    file, needed = config.prune.scratch.file, {"epochs": "epochs", "macs": "training_macs"}[config.prune.scratch.match]
    kinds = source.structure.kinds
    theirs = {name: (group.kind, group.total) for name, group in source.structure.groups.items()}
    # What lies across blocks is described where the source's trial pruned it, whatever this one would.
    ours = {group.name: (group.kind, group.count) for group in describe(network.model, kinds)}
    if theirs != {name: one for name, one in ours.items() if one[0] in kinds}:
        raise UserError(
            f"{file} holds the structure of {source.spec.arch}, which does not fit "
            f"{network.spec.arch}; use a state file of the same architecture",
            key="prune.scratch.file",
        )
    if needed not in source.metadata:
        raise UserError(
            f"{file} does not say its {needed}; use a trial's states/NN.safetensors", key="prune.scratch.file"
        )


def unheeded(config: TrialConfig, method: Method) -> tuple[str, ...]:
    """A line for each setting that this method cannot heed, so that nobody takes it for part of the comparison, and for one
    whose meaning moves with another."""
    traits, lines = method.traits, list[str]()
    distill = config.train.distill
    if distill.weight == 0 and distill.teacher != DENSE:
        lines.append("train.distill.teacher: without effect, since train.distill.weight is 0")
    if traits.from_scratch and distill.weight > 0 and distill.outside is None:
        lines.append(
            f"train.distill: without effect, since method {traits.name} has no dense network of its own to learn from"
        )
    if traits.masks and config.prune.schedule.macs_target is not None:
        lines.append(
            f"prune.schedule.macs_target: without effect, since method {traits.name} only masks; it goes by the ratios"
        )
    if config.prune.compensate != "none" and traits.masks:
        lines.append(f"prune.compensate: without effect, since method {traits.name} removes no units")
    unread = [WORDS[kind] for kind in kinds_of(config.prune.target) if kind in UNREAD]
    if unread and config.prune.compensate != "none" and traits.makes_smaller:
        lines.append(f"prune.compensate: without effect on {' and '.join(unread)}, which no layer reads")
    criterion = CRITERIA[config.prune.criterion_in_force]
    if config.prune.calibration_images is None and traits.makes_smaller and criterion.needs_batches:
        images, size = config.prune.calibration(config.train.batch_size)
        lines.append(
            f"prune.calibration_batches: {images // size} batches of {size} are {images} images here, and others at another "
            f"train.batch_size; say prune.calibration_images: {images}"
        )
    return tuple(lines)
