"""Finding data, fetching it once, and the one line that a person gets where it cannot be had."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from models.errors import UserError
from tests.trainables.data.made_data import idx, make_data, write_dtd, write_fashion_mnist, write_images
from trainables.config.trial import DataConfig
from trainables.data import Data, check_available, describe_data, fetch_data, load_data
from trainables.data.base import DatasetKind
from trainables.data.sets import fetching
from trainables.data.sets.fashion_mnist import FASHION_MNIST

CPU = torch.device("cpu")


def no_network(folder: Path) -> None:
    raise URLError("Temporary failure in name resolution")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No network, no system packages, and an empty default place."""
    for name in ("fashion_mnist.FashionMNIST", "dtd.TorchvisionDTD"):
        monkeypatch.setattr(f"trainables.data.sets.{name}", lambda *_, **__: no_network(tmp_path))
    monkeypatch.setattr(
        "torchvision.datasets.cifar.download_and_extract_archive", lambda *_, **__: no_network(tmp_path)
    )
    monkeypatch.setattr(fetching, "SYSTEM_FOLDERS", ())
    monkeypatch.setenv(fetching.ENVIRONMENT_KEY, str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.mark.parametrize("name", ["fashion_mnist", "cifar10", "cifar100", "dtd"])
def test_offline_is_one_line_with_place_expectation_and_remedy(name: str, offline: Path) -> None:
    with pytest.raises(UserError) as caught:
        check_available(DataConfig(name=name))
    message = str(caught.value)
    assert "\n" not in message
    for part in ("data.root", name, str(offline), "expected", "name resolution", "point data.root"):
        assert part in message
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("root", [None, Path("nowhere")])
def test_an_image_folder_must_be_there(root: Path | None, tmp_path: Path) -> None:
    config = DataConfig(name="image_folder", root=None if root is None else tmp_path / root)
    for ask in (check_available, describe_data):
        with pytest.raises(UserError, match="train/CLASS/image"):
            ask(config)


@pytest.mark.parametrize("layout", ["", "FashionMNIST/raw", "fashion-mnist"])
@pytest.mark.parametrize("packed", [True, False])
def test_fashion_mnist_in_every_layout(layout: str, packed: bool, tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path / layout, packed)
    data = load_data(DataConfig(name="fashion_mnist", root=tmp_path), CPU)
    assert data.sizes == {"train": 90, "val": 10, "test": 30}


def test_system_folders_are_looked_at_only_without_a_root(
    tmp_path: Path, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fashion_mnist(tmp_path / "system" / "fashion-mnist")
    monkeypatch.setattr(fetching, "SYSTEM_FOLDERS", (tmp_path / "system",))
    assert fetch_data(DataConfig(name="fashion_mnist")) == tmp_path / "system" / "fashion-mnist"
    with pytest.raises(UserError, match="elsewhere"):
        fetch_data(DataConfig(name="fashion_mnist", root=tmp_path / "elsewhere"))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08\x01", idx(np.zeros((100, 28, 28)))[:-1], idx(np.zeros((99, 28, 28))), b"\0\0\x0d\x03" + bytes(20)],
    ids=["empty", "headless", "truncated", "another count", "another type"],
)
def test_damaged_idx_files_are_refused(content: bytes, tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path, packed=False)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(UserError, match="fetch"):
        load_data(DataConfig(name="fashion_mnist", root=tmp_path), CPU)


def test_a_torn_gz_file_is_refused(tmp_path: Path) -> None:
    write_fashion_mnist(tmp_path)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match="cannot be read"):
        load_data(DataConfig(name="fashion_mnist", root=tmp_path), CPU)


def test_cifar_with_another_checksum_is_not_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_data("cifar10", tmp_path, monkeypatch)
    bomb = b"cos\nsystem\n(S'touch " + str(tmp_path / "exploded").encode() + b"'\ntR."
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(bomb)
    with pytest.raises(UserError, match="checksums"):
        load_data(config, CPU)
    assert not (tmp_path / "exploded").exists()


def test_a_download_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        write_fashion_mnist(folder / "FashionMNIST" / "raw")
        raise URLError("connection reset")

    broken = DatasetKind(FASHION_MNIST.info, FASHION_MNIST.find, FASHION_MNIST.expected, half, FASHION_MNIST.read)
    config = DataConfig(name="fashion_mnist", root=tmp_path)
    with pytest.raises(UserError, match="connection reset"):
        fetching.fetch(config, broken)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
    assert FASHION_MNIST.find(config) is None


def _fetch_and_count(root: Path) -> None:
    def download(folder: Path) -> None:
        with (root / "downloads").open("a") as log:
            log.write("one\n")
        write_fashion_mnist(folder / "FashionMNIST" / "raw")

    kind = DatasetKind(FASHION_MNIST.info, FASHION_MNIST.find, FASHION_MNIST.expected, download, FASHION_MNIST.read)
    fetching.fetch(DataConfig(name="fashion_mnist", root=root), kind)


def test_many_processes_download_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_fetch_and_count, args=(tmp_path,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert (tmp_path / "downloads").read_text() == "one\n"


def test_dtd_folds_are_the_published_ones(tmp_path: Path) -> None:
    write_dtd(tmp_path)
    parts = []
    for fold in (1, 2):
        data = load_data(DataConfig(name="dtd", root=tmp_path, image_size=16, workers=0, fold=fold), CPU)
        assert data.sizes == {"train": 94, "val": 94, "test": 94}
        parts.append({part: {path.name for path, _ in files} for part, files in data.parts.items()})  # type: ignore[attr-defined]  # the large sets' own
    listed = (tmp_path / "dtd/dtd/labels/val2.txt").read_text().split()
    assert parts[1]["val"] == {line.partition("/")[2] for line in listed}
    assert parts[0]["val"] != parts[1]["val"]


def test_loader_processes_change_nothing(tmp_path: Path) -> None:
    write_images(tmp_path / "train", ["a", "b", "c"], 6)
    augment = {"random_resized_crop": 0.3, "flip": True, "rand_augment": "rand-m9-mstd0.5-inc1", "crop_padding": 2}
    runs = []
    for workers in (0, 2):
        config = DataConfig(name="image_folder", root=tmp_path, image_size=16, workers=workers, augment=augment)
        data = load_data(config.model_copy(update={"val_fraction": 0.2}), CPU)
        runs.append(list(data.train_batches(4, seed=1)))
    assert all(torch.equal(a, b) and torch.equal(c, d) for (a, c), (b, d) in zip(*runs, strict=True))


def _read_everything(data: Data) -> None:
    for part in ("val", "test"):
        list(data.eval_batches(part, 8))
    list(data.train_batches(8, seed=0))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_image_is_named_in_one_line(workers: int, tmp_path: Path) -> None:
    write_images(tmp_path / "train", ["a", "b"], 10)
    bad = tmp_path / "train" / "a" / "a_000.png"
    bad.write_bytes(bad.read_bytes()[:60])
    data = load_data(DataConfig(name="image_folder", root=tmp_path, image_size=16, workers=workers), CPU)
    with pytest.raises(UserError, match=r"^data.root: .*a_000.png is not a readable image") as caught:
        _read_everything(data)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 1


def test_classes_that_training_does_not_know_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path / "train", ["cat", "dog"], 4)
    write_images(tmp_path / "test", ["cat", "horse"], 2)
    with pytest.raises(UserError, match="horse"):
        load_data(DataConfig(name="image_folder", root=tmp_path), CPU)


def test_hidden_folders_and_other_files_are_no_images(tmp_path: Path) -> None:
    write_images(tmp_path / "train", ["cat", "dog"], 10)
    (tmp_path / "train" / ".cache").mkdir()
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no image")
    Image.new("L", (20, 20)).save(tmp_path / "train" / "cat" / "grey.JPG")
    data = load_data(DataConfig(name="image_folder", root=tmp_path, image_size=16, workers=0), CPU)
    assert data.info.num_classes == 2
    assert sum(data.sizes.values()) == 21


@pytest.mark.parametrize(
    ("augment", "named"),
    [({"rand_augment": "strong"}, "rand_augment"), ({"random_resized_crop": 0.5}, "random_resized_crop")],
)
def test_augmentation_that_cannot_be_done_is_found_at_once(augment: dict[str, object], named: str) -> None:
    with pytest.raises(UserError, match=f"data.augment.{named}"):
        check_available(DataConfig(name="digits", augment=augment))


def test_a_share_too_small_for_one_image_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.val_fraction"):
        load_data(DataConfig(name="digits", val_fraction=0.0001), CPU)
