"""A file of weights of a user's own network says what it needs, and is loaded wherever that is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.errors import UserError
from models.networks.registry import build, resolve_spec
from models.own_parts.places import ENVIRONMENT_KEY, places
from models.save_load import HEADER_KEY, load, load_parts, save
from models.spec import ModelSpec
from models.units.base import dense_structure
from models.units.compaction import remove
from models.units.describe import describe
from models.units.structure import Structure
from tests.models.own_parts.conftest import Write
from trainables.config.distill import TeacherConfig
from trainables.data.base import DataInfo
from trainables.teaching.sources import open_teacher

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


@pytest.mark.parametrize("agreed", [True, "models.own:Net"])
def test_it_is_loaded_where_that_is_agreed_to(file: Path, agreed: bool | str) -> None:
    assert load(file, own_code=agreed).get_parameter("first.weight").shape == (4, 4)


@pytest.mark.parametrize("agreed", [False, "models.other:Net"])
def test_no_code_is_run_that_a_file_alone_names(tmp_path: Path, users: Path, write: Write, agreed: bool | str) -> None:
    write("run_me.py", f"open({str(tmp_path / 'ran')!r}, 'w').close()\ndef net(num_classes): return None\n")
    header = {
        "format": 1,
        "spec": {**spec("vit_micro").to_json(), "arch": "run_me:net", "args": {}},
        "structure": Structure({}).to_json(),
        "metadata": {},
    }
    path = tmp_path / "evil.safetensors"
    save_file({"x": torch.zeros(1)}, path, metadata={HEADER_KEY: json.dumps(header)})
    with pytest.raises(UserError, match=r"its network is run_me:net, .*runs that code.*load\(PATH, own_code=True\)"):
        load(path, own_code=agreed)
    with pytest.raises(UserError, match="does not say which version"):
        load(path, own_code=True)
    assert not (tmp_path / "ran").exists()


def test_the_folder_that_a_file_names_is_told_but_not_looked_in(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = Path(str(load_parts(file).architecture["file"])).parents[1]
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    with pytest.raises(UserError, match=rf"cannot be had here: .*\(it lay in {where}, and still does\)"):
        load(file, own_code=True)
    assert where not in places()


def test_a_teacher_s_file_runs_no_code_that_the_study_does_not_name(file: Path) -> None:
    info = DataInfo("own", 3, 1, 2)
    with pytest.raises(UserError, match=r"say so: train.distill.teacher.arch: models.own:Net"):
        open_teacher(TeacherConfig.model_validate({"init": {"source": "path", "path": str(file)}}), info)


def test_what_it_needs_is_said_where_that_is_gone(file: Path, users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (users / "models" / "own.py").rename(users / "gone.py")
    where = rf"\({users / 'models' / 'own.py'}, SHA-256 .*"
    with pytest.raises(
        UserError, match=rf"its network is models.own:Net {where} cannot be had here: .*no module models.own"
    ):
        load(file, own_code=True)
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    (Path.cwd() / "models").mkdir()
    (users / "gone.py").rename(Path.cwd() / "models" / "own.py")
    assert load(file, own_code=True).get_parameter("first.weight").shape == (4, 4)


def test_the_package_that_gave_its_name_is_named_where_it_is_gone(file: Path) -> None:
    parts = load_parts(file)
    origin = {**(parts.architecture or {}), "reference": "tiny", "distribution": "my-networks", "version": "0.3"}
    told = {
        "spec": parts.spec.to_json() | {"arch": "tiny"},
        "structure": parts.structure.to_json(),
        "architecture": origin,
    }
    header = {HEADER_KEY: json.dumps({"format": 1, "metadata": {}, **told})}
    save_file(dict(parts.state), file, metadata=header)
    with pytest.raises(UserError, match=r"is tiny \(my-networks 0\.3, .*not installed here; install my-networks"):
        load(file, own_code=True)


def test_another_version_of_its_code_is_refused(file: Path, write: Write) -> None:
    write("models/own.py", NET + "# later\n")
    with pytest.raises(UserError, match="what is found here is another version of it"):
        load(file, own_code=True)


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
