"""A study with parts of a user's own: checked at its lines, and carried on with the same parts or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import UserError
from models.own_parts.places import ENVIRONMENT_KEY
from search.run.folder import RunFolder
from search.run.manifest import open_run, write_launch
from search.run.possible.foundations import check_starting_points
from search.run.preflight import check_study
from search.study.load import load_study

STUDY = """\
name: mine
trial:
  model: {arch: "models.own_net:Net", init: {source: random}}
  data: {name: digits}
  train: {epochs_per_state: 1}
  prune:
    target: mlp
    criterion: "scores.py:sizes"
search: {trials_per_arm: 1}
"""
NET = """\
from timm.layers import Mlp
from torch import nn
from models.own_block import WIDTH

class Net(nn.Module):
    def __init__(self, num_classes, in_chans):
        super().__init__()
        self.embed = nn.Conv2d(in_chans, WIDTH, 4, stride=4)
        self.mlp = Mlp(WIDTH, 16)
        self.head = nn.Linear(WIDTH, num_classes)

    def forward(self, images):
        return self.head(self.mlp(self.embed(images).flatten(2).transpose(1, 2)).mean(1))
"""
SCORES = """\
from pruning.unit_sums import sum_by_unit

def sizes(evidence):
    weights = dict(evidence.model.named_parameters())
    return sum_by_unit(evidence.groups, lambda name: weights[name].detach().abs())
"""


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "users"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "own_net.py").write_text(NET)
    (folder / "models" / "own_block.py").write_text("WIDTH = 8\n")
    (folder / "scores.py").write_text(SCORES)
    (folder / "mine.yaml").write_text(STUDY)
    monkeypatch.setenv(ENVIRONMENT_KEY, "")
    monkeypatch.chdir(tmp_path)
    return folder


def problem(users: Path, **files: str) -> str:
    for name, text in files.items():
        (users / f"{name}.py").write_text(text)
    with pytest.raises(UserError) as caught:
        check_study(load_study(users / "mine.yaml"))
    return str(caught.value)


def replaced(old: str, new: str) -> str:
    assert old in NET
    return NET.replace(old, new)


def test_what_is_wrong_with_a_part_is_told_at_its_line(users: Path) -> None:
    place = f"{users / 'mine.yaml'}, line "
    told = problem(users, scores=SCORES.replace("sizes", "sises"))
    assert told.startswith(f"{place}8: trial.prune.criterion: scores.py:sizes: ")
    assert told.endswith("scores.py has no sizes; the nearest is sises")
    assert "found int" in problem(users, scores="sizes = 3\n")
    told = problem(users, scores="def sizes(evidence):\n    return 1 / 0\n")
    assert f"{users / 'scores.py'}:2: ZeroDivisionError: division by zero" in told
    negative = (
        "def sizes(evidence):\n    import torch\n    return {g.name: -torch.ones(g.count) for g in evidence.groups}\n"
    )
    assert "found -1 among the scores of mlp" in problem(users, scores=negative)
    assert "found groups none where there are mlp" in problem(users, scores="def sizes(evidence):\n    return {}\n")
    writes = SCORES.replace("    return", "    weights['mlp.fc1.weight'].data.mul_(0)\n    return")
    assert "changed the network that it was to score (mlp.fc1.weight); work on copies" in problem(users, scores=writes)


def test_a_network_is_built_and_tried(users: Path) -> None:
    net = "models/own_net"
    told = problem(users, **{net: replaced("self, num_classes, in_chans", "self, in_chans")})
    assert told.startswith(
        f"{users / 'mine.yaml'}, line 3: trial.model.arch: models.own_net:Net: found one without it in "
    )
    told = problem(users, **{net: replaced("class Net(nn.Module)", "class Net")})
    assert "models.own_net:Net: found a class of something else in " in told
    told = problem(users, **{net: replaced("flatten(2)", "flatten(9)")})
    assert f"{users / 'models' / 'own_net.py'}:13: IndexError" in told
    told = problem(users, **{net: replaced(".mean(1))", ")")})
    assert "gave shape (4, 4, 10), expected logits of shape (4, 10)" in told
    told = problem(users, **{net: replaced(".mean(1))", ".mean(1)) * float('nan')")})
    assert "gave nan among its logits, expected finite numbers" in told


def test_an_argument_that_a_network_does_not_take_is_told_at_its_key(users: Path) -> None:
    (users / "models" / "own_net.py").write_text(replaced("num_classes, in_chans", "num_classes, in_chans, width=8"))
    study = load_study(users / "mine.yaml", ["trial.model.args.widht=3"])
    with pytest.raises(UserError) as caught:
        check_study(study)
    told = "models.own_net:Net does not take it (width); the nearest is width"
    assert str(caught.value) == f"--set trial.model.args.widht=3: trial.model.args.widht: {told}"


UNITS = """
    def units(self):
        import torch
        from models.units.base import TiedSlice, UnitGroup, of_layer
        each = torch.arange(self.mlp.fc1.out_features).unsqueeze(1)
        slices = (*of_layer("mlp.fc1", self.mlp.fc1, 0, each), TiedSlice("mlp.fc2.weight", 1, each))
        return [UnitGroup("mlp", "neuron", len(each), slices, "mlp.fc2")]
"""


def test_units_that_it_says_itself_are_removed_once(users: Path) -> None:
    (users / "models" / "own_net.py").write_text(NET + UNITS)
    assert check_study(load_study(users / "mine.yaml")).starting_points["trial"].reach.startswith("target mlp: neurons")
    wrong = UNITS.replace('TiedSlice("mlp.fc2.weight", 1, each)', "")
    told = problem(users, **{"models/own_net": NET + wrong})
    assert (
        "line 3: trial.model.arch: models.own_net:Net: its forward pass of images (4, 1, 8, 8) without the last unit"
        in told
    )
    assert "mat1 and mat2 shapes cannot be multiplied" in told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("[]", "Net.units() gave no groups: there is nothing to prune"),
        ("3", "Net.units() gave int; expected a list of"),
        ("[self.nowhere]", "own_net.py:16: AttributeError: 'Net' object has no attribute 'nowhere'; correct it there"),
        ("(one for one in [1 / 0])", "own_net.py:16: ZeroDivisionError: division by zero; correct it there"),
    ],
)
def test_units_that_cannot_be_said_are_told_in_a_line(users: Path, said: str, told: str) -> None:
    units = f"\n    def units(self):\n        return {said}\n"
    found = problem(users, **{"models/own_net": NET + units})
    assert "line 3: trial.model.arch: Net.units() " in found
    assert told in found
    assert "\n" not in found


def test_a_network_without_any_units_is_told_how_to_say_them(users: Path) -> None:
    plain = NET.replace("self.mlp = Mlp(WIDTH, 16)", "self.mlp = nn.LayerNorm(WIDTH)")
    told = problem(users, **{"models/own_net": plain})
    assert "channels that go through a LayerNorm" in told
    assert "one of your own says its units in a method units()" in told


def test_units_of_plain_layers_are_found_and_tried(users: Path) -> None:
    plain = NET.replace(
        "self.mlp = Mlp(WIDTH, 16)", "self.mlp = nn.Sequential(nn.Linear(WIDTH, 16), nn.Linear(16, WIDTH))"
    )
    (users / "models" / "own_net.py").write_text(plain)
    (users / "scores.py").write_text(SCORES)
    study = load_study(users / "mine.yaml")
    assert check_study(study).starting_points["trial"].reach.startswith("target mlp: neurons")


POOLED = """\
from torch import nn

class Net(nn.Sequential):
    def __init__(self, num_classes, in_chans):
        super().__init__(
            nn.Conv2d(in_chans, 8, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 16), nn.ReLU(), nn.Linear(16, num_classes)
        )
"""


def test_groups_that_cannot_become_empty_are_told_where_they_may(users: Path) -> None:
    (users / "models" / "own_net.py").write_text(POOLED)
    study = users / "mine.yaml"
    mlp = study.read_text()
    study.write_text(mlp.replace("target: mlp", "target: channel\n    min_kept: 0"))
    told = problem(users)
    assert "prune.min_kept: found 0, but models.own_net:Net needs units in each group: " in told
    study.write_text(mlp.replace("target: mlp", "target: mlp\n    min_kept: 0"))
    assert check_study(load_study(study)).starting_points


def test_a_run_goes_on_with_the_same_parts_alone(users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = load_study(users / "mine.yaml")
    found = check_study(study).starting_points
    run = open_run(tmp_path / "runs", study)
    write_launch(run, 1, found, {}, ["prunetune"], study)
    monkeypatch.setenv(ENVIRONMENT_KEY, "")  # another process, which is given the run alone
    recorded = load_study(RunFolder.existing(run.path).study_file, recorded=True, goes_on=True)
    check_starting_points(run, check_study(recorded, begun=True).starting_points)
    block = users / "models" / "own_block.py"
    block.write_text("WIDTH = 4 + 4\n")
    with pytest.raises(UserError, match=r"models.own_net:Net of arm trial has changed.* imports \(models.own_block\)"):
        check_starting_points(run, check_study(recorded, begun=True).starting_points)
    block.write_text("WIDTH = 8\n")
    (users / "scores.py").write_text(SCORES + "# more\n")
    with pytest.raises(
        UserError, match=rf"scores.py:sizes of arm trial has changed.*: {users / 'scores.py'} \(SHA-256 was"
    ):
        check_starting_points(run, check_study(recorded, begun=True).starting_points)


def test_a_run_is_read_where_its_parts_are_gone(users: Path, tmp_path: Path) -> None:
    run = open_run(tmp_path / "runs", load_study(users / "mine.yaml"))
    for file in users.rglob("*.py"):
        file.unlink()
    recorded = load_study(run.study_file, recorded=True, goes_on=True)
    assert recorded.trial["prune"]["criterion"] == "scores.py:sizes"
    with pytest.raises(UserError, match=r"there is no module models.own_net; looked for"):
        check_study(recorded)
