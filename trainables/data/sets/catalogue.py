"""Which data sets there are."""

from __future__ import annotations

from trainables.data.base import DatasetKind
from trainables.data.sets.cifar import CIFAR_10, CIFAR_100
from trainables.data.sets.digits import DIGITS
from trainables.data.sets.dtd import DTD
from trainables.data.sets.fashion_mnist import FASHION_MNIST
from trainables.data.sets.image_folder import IMAGE_FOLDER

KINDS: dict[str, DatasetKind] = {
    "digits": DIGITS,
    "fashion_mnist": FASHION_MNIST,
    "cifar10": CIFAR_10,
    "cifar100": CIFAR_100,
    "image_folder": IMAGE_FOLDER,
    "dtd": DTD,
}
LARGE = frozenset({"image_folder", "dtd"})
"""Those of image files, which are decoded and augmented one by one."""
