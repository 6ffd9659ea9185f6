"""What data say of their classes and their preprocessing is what a file goes through on its way into an evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import FashionMNIST

from tests.trainables.data.made_data import write_images
from trainables.config.trial import DataConfig
from trainables.data import load_data
from trainables.data.sets.digits import DIGITS
from trainables.data.sets.fashion_mnist import FASHION_MNIST

CPU = torch.device("cpu")


def test_a_file_becomes_what_the_loader_makes_of_it(tmp_path: Path) -> None:
    write_images(tmp_path / "train", ["bird", "cat"], 10)
    write_images(tmp_path / "val", ["bird", "cat"], 6, seed=1)
    write_images(tmp_path / "test", ["bird", "cat"], 2, seed=2)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.effect_noise((40, 23), 80).convert("CMYK").save(tmp_path / "val" / "cat" / "x.jpg", exif=turned)
    Image.effect_noise((23, 40), 80).convert("RGBA").save(tmp_path / "val" / "cat" / "y.png")
    data = load_data(DataConfig(name="image_folder", root=tmp_path, image_size=20), CPU).normalised((0.3,), (0.2,))
    ((images, labels),) = data.eval_batches("val", 64)
    files = sorted((tmp_path / "val" / "bird").iterdir()) + sorted((tmp_path / "val" / "cat").iterdir())
    found = torch.from_numpy(np.concatenate([data.preprocessing(file) for file in files]))
    assert len({Image.open(file).size for file in files}) > 5
    torch.testing.assert_close(found, images, atol=1e-6, rtol=0)
    assert [data.classes[label] for label in labels] == [file.parent.name for file in files]


@pytest.mark.parametrize("side", [None, 12])
def test_a_file_of_an_image_in_memory_becomes_what_its_evaluation_makes_of_it(side: int | None, tmp_path: Path) -> None:
    config = DataConfig(name="digits", image_size=side)
    data = load_data(config, CPU)
    place = DIGITS.find(config)
    assert place is not None
    raw = DIGITS.read(config, place)
    ((images, labels),) = data.eval_batches("test", 400)
    for number in (0, 5, 90):
        Image.fromarray(raw.test_images[number, 0].numpy()).save(tmp_path / "digit.png")
        found = torch.from_numpy(data.preprocessing(tmp_path / "digit.png"))
        torch.testing.assert_close(found, images[number : number + 1], atol=1e-6, rtol=0)
        assert data.classes[labels[number]] == str(int(labels[number]))
    assert data.classes == tuple("0123456789")


def test_sets_whose_classes_have_names_tell_them(tmp_path: Path) -> None:
    """Named as torchvision names them."""
    names = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    for name in names:
        shape = (40, 28, 28) if "images" in name else (40,)
        head = bytes((0, 0, 8, len(shape))) + b"".join(side.to_bytes(4, "big") for side in shape)
        values = np.arange(40) % 10 if len(shape) == 1 else np.zeros(shape)
        (tmp_path / name).write_bytes(head + values.astype(np.uint8).tobytes())
    config = DataConfig(name="fashion_mnist", root=tmp_path)
    assert tuple(FASHION_MNIST.read(config, tmp_path).classes) == tuple(FashionMNIST.classes)
    assert load_data(config, CPU).classes[1] == "Trouser"
