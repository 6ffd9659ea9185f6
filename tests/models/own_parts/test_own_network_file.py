"""A file of weights of a user's own network says what it needs, and is loaded wherever that is found."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from models.errors import UserError
from models.networks.registry import build, resolve_spec
from models.own_parts.places import ENVIRONMENT_KEY
from models.save_load import load, save
from models.spec import ModelSpec
from models.units.base import dense_structure
from models.units.compaction import remove
from models.units.describe import describe
from tests.models.own_parts.conftest import Write

NET = """\
import torch
from torch import nn
from models.units.base import TiedSlice, UnitGroup, of_layer

class Net(nn.Module):
    def __init__(self, num_classes, width=6):
        super().__init__()
        self.first, self.last = nn.Linear(4, width), nn.Linear(width, num_classes)
        self.width = width

    def forward(self, images):
        assert self.width == self.first.out_features
        return self.last(self.first(images.flatten(1)).relu())

    def units(self):
        each = torch.arange(self.first.out_features).unsqueeze(1)
        slices = (*of_layer("first", self.first, 0, each), TiedSlice("last.weight", 1, each))
        return [UnitGroup("hidden", "neuron", len(each), slices, "last")]

    def after_cut(self):
        self.width = self.first.out_features
"""


def spec(arch: str) -> ModelSpec:
    return resolve_spec(arch, num_classes=3, img_size=2, in_chans=1)


@pytest.fixture
def file(write: Write, tmp_path: Path) -> Path:
    """Of a network of six neurons that has lost two."""
    write("models/own.py", NET)
    asked = spec("models.own:Net")
    model = build(asked).eval()
    images = torch.rand(5, 1, 2, 2)
    with torch.no_grad():
        model.get_parameter("first.weight")[1:3] = 0
        model.get_parameter("first.bias")[1:3] = 0
    before = model(images)
    structure = remove(model, dense_structure(describe(model)), {"hidden": (1, 2)})
    torch.testing.assert_close(model(images), before)
    save(tmp_path / "own.safetensors", model.state_dict(), asked, structure, {})
    return tmp_path / "own.safetensors"


def test_it_is_loaded_from_anywhere_while_its_code_lies_where_it_lay(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(file).get_parameter("first.weight").shape == (4, 4)


def test_what_it_needs_is_said_where_that_is_gone(file: Path, users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (users / "models" / "own.py").rename(users / "gone.py")
    where = rf"\({users / 'models' / 'own.py'}, SHA-256 .*"
    with pytest.raises(
        UserError, match=rf"its network is models.own:Net {where} cannot be had here: .*no module models.own"
    ):
        load(file)
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    (Path.cwd() / "models").mkdir()
    (users / "gone.py").rename(Path.cwd() / "models" / "own.py")
    assert load(file).get_parameter("first.weight").shape == (4, 4)


def test_another_version_of_its_code_is_warned_of(file: Path, write: Write) -> None:
    write("models/own.py", NET + "# later\n")
    with pytest.warns(UserWarning, match="what is found here is another version of it"):
        load(file)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('UnitGroup("hidden", "neuron"', 'UnitGroup("hidden", "nerve"', "is of the kind 'nerve'; kinds are head"),
        ('TiedSlice("last.weight"', 'TiedSlice("list.weight"', "names the tensor list.weight, which it has not"),
        ('TiedSlice("last.weight", 1', 'TiedSlice("last.weight", 2', "has no dimension 2"),
        ('TiedSlice("last.weight", 1', 'TiedSlice("last.weight", 0', "is named up to index 5 along dimension 0"),
        ("slices, \"last\")]", "slices, \"lost\")]", "has the activation lost, which is no module"),
        ('return [UnitGroup("hidden", "neuron", len(each), slices, "last")]', "return 3", r"units\(\) gave int"),
    ],
)  # fmt: skip
def test_units_that_do_not_fit_are_said(write: Write, old: str, new: str, told: str) -> None:
    assert old in NET
    write("own.py", NET.replace(old, new))
    with pytest.raises(UserError, match=f"^model.arch: .*{told}"):
        describe(build(spec("own:Net")))
