"""Sizes, network, batches and epochs for a study on images that were looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.spec import ModelSpec
from models.units.structure import kinds_of
from search.new.looking import Looked, as_used
from search.new.naming import data_argument, default_name, free_file
from search.new.network import SMALL_SIDE, Weights, choose_arch, image_size_for, target_of, weights_of
from search.new.questions import Question
from trainables.config.prune import RATIO_KEYS
from trainables.config.trial import DTD_FOLDS, FOLDABLE

STEPS_AN_EPOCH = 10
"""At least, as long as batches have `BATCH_SIZES`."""
BATCH_SIZES = (8, 16, 32, 64, 128)
EPOCHS = ((2_000, 10, 4), (20_000, 6, 2), (None, 4, 1))
"""Below so many training images: epochs of the dense start, and of each state after it."""
STATES = 5
DENSE_FACTOR = 3
"""Epochs of a network that is trained and not pruned, in those of a dense start."""
RATIOS = {"head": 0.5, "neuron": 0.7}
USUAL_RATIO = 0.5
FOLDS = 10
LARGER = ("resnet18", "vit_small")
"""What photographs are better served with than with `vit_micro`."""


@dataclass(frozen=True)
class Proposal:
    """All that a template needs to know."""

    question: Question
    looked: Looked
    arch: str
    spec: ModelSpec
    weights: Weights
    target: Any
    batch_size: int
    epochs_state0: int
    epochs_per_state: int
    augment: Mapping[str, Any]
    has_gpu: bool
    shorter_side: int
    """Of the files, as a median, in pixels."""

    @property
    def notes(self) -> list[str]:
        """What a person should know of the images and of what was chosen for them."""
        facts = self.looked.facts
        told = [*facts.oddities(), *self.looked.warnings]
        if not self.is_pretrained or self.weights.fetch is not None:
            told.append(f"weights: {self.weights.told}")
        if self.arch == "vit_micro" and self.shorter_side > SMALL_SIDE:
            told.append(self._larger_network())
        return told

    def _larger_network(self) -> str:
        """Commands that work as they stand, at the size that would be proposed then, into a file that is not there."""
        data, question, arch = self.looked.data, self.question, LARGER[0]
        size = image_size_for(arch, self.shorter_side, self.has_gpu)
        out = free_file(f"{default_name(data, question)}_{arch}")
        return (
            f"vit_micro is a network for small images, and its weights are of Fashion-MNIST: {arch} with weights of ImageNet "
            f"sees more, on a GPU {LARGER[1]}; where there is a network, `prunetune init fetch {arch} --num-classes "
            f"{self.looked.facts.classes} --img-size {size}`, then `prunetune new --data {data_argument(data)} --question "
            f"{question.name} --arch {arch} --out {out}`"
        )

    @property
    def dense_epochs(self) -> int:
        """Of a network of which nothing is removed, where all are such."""
        return DENSE_FACTOR * self.epochs_state0

    @property
    def training(self) -> str:
        """`a dense start of 10 epochs, then 5 states of 4`."""
        if not self.question.prunes:
            return f"{self.dense_epochs} epochs, with nothing removed"
        return f"a dense start of {self.epochs_state0} epochs, then {STATES} states of {self.epochs_per_state}"

    @property
    def is_pretrained(self) -> bool:
        return self.weights.init["source"] == "pretrained"

    @property
    def by_channels(self) -> bool:
        return bool(self.target == "channel")

    @property
    def ratios(self) -> dict[str, float]:
        """Key of the schedule → share removed in the end."""
        return {RATIO_KEYS[kind]: RATIOS.get(kind, USUAL_RATIO) for kind in kinds_of(self.target)}

    @property
    def lr(self) -> tuple[float, float, float]:
        """The usual learning rate, and the ends of what is searched."""
        if self.by_channels:
            return (0.01, 3e-3, 0.05) if self.is_pretrained else (0.05, 0.01, 0.2)
        if self.is_pretrained and self.arch != "vit_micro":
            return (2e-4, 5e-5, 1e-3)
        return (1e-3, 3e-4, 3e-3)

    @property
    def folds(self) -> int | None:
        """Over how many folds networks are compared; None where the data have a test split of their own."""
        return DTD_FOLDS if self.looked.data.name == "dtd" else self.looked.data.folds

    def to_json(self) -> dict[str, Any]:
        names = ("arch", "target", "batch_size", "augment")
        state0 = self.epochs_state0 if self.question.prunes else None
        epochs = {
            "epochs_state0": state0,
            "epochs_per_state": self.epochs_per_state if self.question.prunes else self.dense_epochs,
        }
        sizes = {"image_size": self.spec.img_size, "patch_size": self.spec.patch_size, "in_chans": self.spec.in_chans}
        weights = {"init": dict(self.weights.init), "weights": self.weights.told, "fetch": self.weights.fetch}
        return {
            "question": self.question.name,
            **{name: getattr(self, name) for name in names},
            **epochs,
            **sizes,
            **weights,
        }


def propose(looked: Looked, question: Question, arch: str | None, has_gpu: bool) -> Proposal:
    """UserError for an architecture that does not exist, or that nothing can be cut of."""
    from models.networks.registry import resolve_spec

    shorter = looked.facts.files.shorter.median
    if question.networks:
        arch = question.networks[0]
    elif arch is None:
        arch = choose_arch(shorter, has_gpu)
    size = image_size_for(arch, shorter, has_gpu)
    # What lies in memory has a size of its own, which need not be said where it is taken.
    own = not looked.facts.layout and size == looked.facts.image_size
    folds = None if question.prunes else _folds_of(looked)
    looked = as_used(looked, None if own else size, 4 if has_gpu else 0, folds)
    facts = looked.facts
    spec = resolve_spec(arch, facts.classes, facts.image_size, facts.in_chans)
    weights = weights_of(spec, arch, looked.data.name)
    if question.networks:
        weights = _of_both(looked, weights, question.networks[1])
    dense, each = next((dense, each) for most, dense, each in EPOCHS if most is None or looked.train_images < most)
    return Proposal(
        question=question,
        looked=looked,
        arch=arch,
        spec=spec,
        weights=weights,
        target=target_of(spec) if question.prunes else "channel",
        batch_size=_batch_size(looked.train_images),
        epochs_state0=dense if weights.init["source"] == "pretrained" else 2 * dense,
        epochs_per_state=each,
        augment=_augment(looked),
        has_gpu=has_gpu,
        shorter_side=shorter,
    )


def _folds_of(looked: Looked) -> int | None:
    """Over how many folds of these images networks can be compared, where they have no test split of their own."""
    foldable = looked.data.name in FOLDABLE and "test/CLASS" not in looked.facts.layout
    return min(FOLDS, looked.facts.images) if foldable else None


def _of_both(looked: Looked, of_twistnet: Weights, other: str) -> Weights:
    """Random for both networks unless both have weights at hand: else a comparison would be one of weights."""
    from models.networks.registry import resolve_spec

    facts = looked.facts
    spec = resolve_spec(other, facts.classes, facts.image_size, facts.in_chans)
    of_resnet = weights_of(spec, other, looked.data.name)
    both = (of_twistnet, of_resnet)
    if all(one.init["source"] == "pretrained" and one.fetch is None for one in both):
        return of_twistnet
    told = (
        "both begin with random weights, for not both have others at hand; `prunetune pretrain "
        "configs/pretrain_twistnet18_imagenet_300.yaml` makes them (docs/twistnet.md)"
    )
    return Weights({"source": "random"}, told)


def _batch_size(images: int) -> int:
    fitting = [size for size in BATCH_SIZES if size * STEPS_AN_EPOCH <= images]
    return max(fitting, default=BATCH_SIZES[0])


def _augment(looked: Looked) -> dict[str, Any]:
    """Crops for photographs, small shifts for small images; mirrored are photographs in colour alone, for letters and digits
    change by it."""
    facts = looked.facts
    grey = facts.files.grey == facts.files.looked_at
    if looked.of_files and facts.files.shorter.median > SMALL_SIDE:
        return {"random_resized_crop": 0.35, "flip": not grey}
    return {"crop_padding": max(1, facts.image_size // 8), "flip": not grey}
