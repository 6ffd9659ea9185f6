"""What `--data` means, and what those images are."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import UserError
from models.names import nearest, suggestion
from trainables.config.data_sets import DATA_SETS
from trainables.config.origins import splits_line
from trainables.config.trial import DataConfig

if TYPE_CHECKING:
    from trainables.data.facts import DataFacts

FOLDER = "image_folder"
FEW_TO_CHOOSE_BY = 10
"""Validation images of the smallest class from which a tenth of the images is enough to choose by."""
LARGER_VALIDATION = 0.2


@dataclass(frozen=True)
class Looked:
    """`data` is what a study says of them, but for what is proposed; `facts` and `warnings` are of the images."""

    data: DataConfig
    facts: DataFacts
    warnings: tuple[str, ...]
    splits: str
    """What is trained on, chosen by and tested on, and where each comes from, in words."""
    holds_out_validation: bool

    @property
    def of_files(self) -> bool:
        """Whether they are files, decoded and augmented one by one."""
        from trainables.data.sets.catalogue import kind_of

        return kind_of(self.data).of_files

    @property
    def train_images(self) -> int:
        return sum(self.facts.counts["train"].values())


def data_config(text: str) -> DataConfig:
    """Of a data set's name, or of a folder or a `.zip` file. UserError where it is neither."""
    from trainables.data import KINDS

    path = Path(text).expanduser()
    if text in KINDS and text != FOLDER:
        return DataConfig.model_validate({"name": text})
    if path.exists():
        return DataConfig.model_validate({"name": FOLDER, "root": path.absolute(), "workers": 0})
    if DATA_SETS.is_own(text):
        return DataConfig.model_validate({"name": text})
    names = [name for name in KINDS if name != FOLDER]
    beside = [one.name for one in path.parent.glob("*") if _may_be_images(one)]
    likest = nearest(path.name, [*names, *beside])
    raise UserError(
        f"--data: found {text}, expected a folder of images, a .zip of one, or one of {', '.join(names)}"
        f"{suggestion(str(path.with_name(likest)) if likest in beside else likest)}"
    )


def _may_be_images(path: Path) -> bool:
    return path.suffix.lower() == ".zip" or (path.is_dir() and not path.name.startswith("."))


def look(data: DataConfig) -> Looked:
    """Read what is there; files that cannot be read are left out from then on, and told."""
    looked = _looked(data)
    if looked.facts.files.bad:
        looked = _looked(data.model_copy(update={"on_bad_image": "skip"}))
    if _few_to_choose_by(looked):
        looked = _looked(looked.data.model_copy(update={"val_fraction": LARGER_VALIDATION}))
    return looked


def as_used(looked: Looked, image_size: int | None, workers: int, folds: int | None) -> Looked:
    """The same at the size that images are given to a network in, and cut into folds; and what is odd about that."""
    used = _looked(looked.data.model_copy(update={"image_size": image_size, "workers": workers, "folds": folds}))
    return used if folds is None else replace(used, warnings=_of_all_folds(used, folds))


def _of_all_folds(looked: Looked, folds: int) -> tuple[str, ...]:
    """The splits' warnings would be of the first fold alone, and every fold has others."""
    from trainables.data.oddities import split_warnings

    of_first, images = split_warnings(looked.facts.counts), looked.facts.images
    least, most = images // folds, -(-images // folds)
    name, fewest = looked.facts.smallest_class
    others = [line for line in looked.warnings if line not in of_first]
    if fewest >= FEW_TO_CHOOSE_BY * folds:
        return tuple(others)
    size = f"{least}" if least == most else f"{least} or {most}"
    missing = f", and some folds test none of {name}, of which there are {fewest}" if fewest < folds else ""
    return (
        *others,
        f"small folds: {folds} folds of {images:,} images test {size} images each{missing}; all folds together test every "
        "image once, but one fold's accuracy says little; give more images, or lower data.folds",
    )


def _looked(data: DataConfig) -> Looked:
    import torch

    from trainables.data import load_data

    loaded = load_data(data, torch.device("cpu"))
    with closing(loaded):
        facts = loaded.facts()
        # Looking at images that cannot be read would end it; who asks reads the facts first.
        odd = () if facts.files.bad and data.on_bad_image == "error" else loaded.warnings()
        splits = splits_line(data.name, loaded.sizes, loaded.splits)
    return Looked(data, facts, odd, splits, loaded.splits["val"].startswith("held out"))


def _few_to_choose_by(looked: Looked) -> bool:
    """Whether validation is held out, and leaves some class too few."""
    return looked.holds_out_validation and min(looked.facts.counts["val"].values()) < FEW_TO_CHOOSE_BY
