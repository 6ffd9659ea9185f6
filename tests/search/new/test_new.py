"""`prunetune new`: whatever is asked of whatever images, what is written is a study that `validate` accepts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from search import cli
from search.new.looking import data_config, look
from search.new.proposal import propose
from search.new.questions import QUESTIONS
from search.new.writing import seen_from
from search.study.load import load_study
from tests.search.new.photographs import CLASSES, write_parts, write_photographs
from tests.trainables.data.made_data import write_fashion_mnist
from trainables.data.oddities import is_of_splits, split_warnings

pytestmark = pytest.mark.usefixtures("own_data_folder")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a flat folder of photographs and one in parts; no pretrained weights but the project's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("models.weights.hub.cache_folder", lambda: tmp_path / "no-hub")
    write_photographs(tmp_path / "flat", 30)
    write_parts(tmp_path / "parts", train=20, val=10, test=10)
    return tmp_path


def told(arguments: list[str], capsys: pytest.CaptureFixture[str], status: int = 0) -> Any:
    assert cli.main([*arguments, "--json"]) == status
    out = capsys.readouterr()
    return json.loads(out.out) if status == 0 else out.err


FAST = {("refill-vs-rsst", "flat"), ("refill-vs-rsst", "parts"), ("recipe", "flat"), ("budget", "flat")}
EACH = [
    pytest.param(question, data, marks=() if (question, data) in FAST else pytest.mark.slow)
    for question in QUESTIONS
    for data in ("flat", "parts")
]


@pytest.mark.parametrize(("question", "data"), EACH)
def test_what_is_written_is_valid(question: str, data: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(["new", "--data", data, "--question", question, "--out", "mine.yaml", "--yes"], capsys)
    assert said["next"] == ["prunetune validate mine.yaml", "prunetune sweep mine.yaml"]
    valid = told(["validate", "mine.yaml", "--no-time"], capsys)
    assert valid["study"] == said["name"] == "mine", "each file's study has a run of its own"
    assert valid["data"][0]["facts"]["files"]["formats"] == {"PNG": 45, "JPEG": 45} if data == "flat" else True
    study, cost = load_study(Path("mine.yaml")), said["cost"]
    assert "dense" in {arm.method for arm in study.arms.values()}
    assert all(arm.value("model.init.source") in ("pretrained", "random") for arm in study.arms.values())
    if question == "twistnet":
        assert study.compare.claim == ("folds" if data == "flat" else "configurations"), "the test split is given"
        assert said["proposal"]["init"] == {"source": "random"}
        assert any("both begin with random weights" in line for line in said["warnings"])
    epochs = {one["epochs_per_trial"] for one in cost["arms"].values()}
    assert len(epochs) == 1, "equal for every arm, the dense one too"
    text = Path("mine.yaml").read_text(encoding="utf-8")
    assert f"Asks for {cost['trials']} trials, {cost['epochs']:,.0f} epochs of" in " ".join(
        text.replace("\n#", "").split()
    )
    assert max(map(len, text.splitlines())) <= 128


def test_a_named_set_of_small_images_is_left_as_it_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proposal = told(["new", "--data", "digits", "--yes"], capsys)["proposal"]
    assert (proposal["image_size"], proposal["patch_size"], proposal["in_chans"]) == (8, 2, 1)
    assert (proposal["init"], proposal["augment"]) == ({"source": "pretrained"}, {"crop_padding": 1, "flip": False})
    assert (here / "digits_refill_vs_rsst.yaml").is_file()


def test_weights_trained_on_the_very_images_are_no_start(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_fashion_mnist(here / "data-of-this-test")
    said = told(["new", "--data", "fashion_mnist", "--yes"], capsys)
    assert said["proposal"]["init"] == {"source": "random"}
    assert any("were trained on fashion_mnist itself" in line for line in said["warnings"])


def test_weights_that_are_not_here_are_to_be_fetched_first(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arch = "timm:resnet10t"
    said = told(["new", "--data", "flat", "--arch", arch, "--out", "mine.yaml", "--yes"], capsys)
    assert said["proposal"]["init"] == {"source": "pretrained"}, "never random ones in silence"
    assert said["next"][0].startswith(f"prunetune init fetch {arch} --num-classes 3 --img-size ")
    assert said["cost"]["seconds"] > 0
    assert said["next"][0] in Path("mine.yaml").read_text(encoding="utf-8")
    assert "HF_HUB_OFFLINE is set" in told(["validate", "mine.yaml"], capsys, 1)


def test_what_is_odd_of_the_images_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(2, 30):
        next((here / "flat" / "rose").glob(f"{number:03d}.*")).unlink()
    (here / "flat" / "tulip" / "torn.jpg").write_bytes(b"no image")
    for number in range(10):
        Image.new("L", (300, 300), number).save(here / "flat" / "daisy" / f"grey{number}.png")
    said = told(["new", "--data", "flat", "--out", "mine.yaml", "--yes"], capsys)
    subjects = {line.partition(":")[0] for line in said["warnings"]}
    assert {"few images", "mixed sizes", "mixed colours", "unreadable images"} <= subjects
    assert any("with one training image" in line or "classes missing" in line for line in said["warnings"])
    assert "on_bad_image: skip" in Path("mine.yaml").read_text(encoding="utf-8")
    assert len(said["warnings"]) == len(set(said["warnings"]))


def test_a_folder_by_any_name_is_named_as_yaml_takes_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "2024: my photos #1"
    shutil.move(here / "flat", here / name)
    said = told(["new", "--data", name, "--yes"], capsys)
    assert said["name"] == "2024_my_photos_1_refill_vs_rsst"
    study = load_study(Path(said["study"]))
    assert study.trial["data"]["root"] == str(here / name)
    assert list(said["data"]["counts"]["train"]) == list(CLASSES)


@pytest.mark.parametrize(
    ("data", "out", "seen"),
    [("../imgs", "mine.yaml", "{}/imgs"), ("../imgs", "../mine.yaml", "imgs"), ("imgs/../../imgs", "b.yaml", "{}/imgs"),
     ("link", "mine.yaml", "link"), ("{}/imgs", "../mine.yaml", "imgs")],
)  # fmt: skip
def test_the_images_are_written_as_the_file_sees_them(
    data: str, out: str, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("imgs", "work/imgs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "work" / "link").symlink_to(tmp_path / "imgs")
    monkeypatch.chdir(tmp_path / "work")
    assert seen_from(Path(data.format(tmp_path)).absolute(), Path(out)) == seen.format(tmp_path)


def test_small_images_are_not_said_to_be_enlarged(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_photographs(here / "small", 30, sides=(16, 17))
    assert cli.main(["new", "--data", "small", "--yes"]) == 0
    said = capsys.readouterr()
    assert "image_size: 16" in Path("small_refill_vs_rsst.yaml").read_text(encoding="utf-8")
    assert "enlarged" not in said.err + said.out
    assert "small validation set" in said.out, "what is odd at that size is told"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "--data: found nowhere, expected a folder of images"),
        (["--data", "digit"], "the nearest is digits"),
        (["--data", "flaat"], "the nearest is flat"),
        (["--data", "flat", "--out", "mine.txt"], "found mine.txt, expected a study file; name it mine.yaml"),
        ([], "--data: missing"),
        (["--data", "flat", "--question", "budgets"], "the nearest is budget"),
        (
            ["--data", "flat", "--question", "twistnet", "--arch", "vit_micro"],
            "is of twistnet18 and resnet18; leave it out",
        ),
        (["--data", "flat", "--arch", "vit_mikro"], "unknown architecture 'vit_mikro'"),
        (["--data", "flat", "--out", "there.yaml"], "there.yaml is there already; name another file, or say --force"),
        (["--data", "flat", "--out", "no/folder.yaml"], "is in no folder"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "there.yaml").write_text("mine", encoding="utf-8")
    err = told(["new", *arguments, "--yes"], capsys, 2)
    assert [line for line in err.splitlines() if "prunetune: error" in line] == [err.splitlines()[-1]]
    assert message in err
    assert (here / "there.yaml").read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in here.glob("*.yaml")) == ["there.yaml"]


def test_with_force_a_file_is_overwritten(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "there.yaml").write_text("mine", encoding="utf-8")
    told(["new", "--data", "digits", "--out", "there.yaml", "--yes", "--force"], capsys)
    assert load_study(here / "there.yaml").name == "there"


def test_with_yes_a_file_that_is_there_is_refused_before_the_images_are_looked_at(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "flat_budget.yaml").write_text("mine", encoding="utf-8")
    err = told(["new", "--data", "flat", "--question", "budget", "--yes"], capsys, 2)
    assert "flat_budget.yaml is there already" in err
    assert "looking at the images" not in err


def test_over_folds_nothing_is_said_of_a_split_that_no_fold_has(here: Path) -> None:
    proposal = propose(look(data_config(str(write_photographs(here / "tiny", 4)))), QUESTIONS["twistnet"], None, False)
    assert proposal.training == "60 epochs, with nothing removed", "there is no train.state0"
    assert proposal.to_json()["epochs_state0"] is None
    assert "fold 1 of 10 of all images" in proposal.looked.splits
    assert not any(map(is_of_splits, proposal.notes))
    folds = "small folds: 10 folds of 12 images test 1 or 2 images each, and some folds test none of daisy"
    assert any(line.startswith(folds) for line in proposal.notes)


def test_the_splits_warnings_are_known_by_their_beginning() -> None:
    few, none = {"ant": 1, "bee": 40, "cow": 900}, {"ant": 0, "bee": 3, "cow": 9}
    found = split_warnings({"train": few, "val": none, "test": few})
    assert len(found) >= 4
    assert all(is_of_splits(line) and is_of_splits(f"refill, rsst: {line}") for line in found)
    assert not is_of_splits("few images: 4 training images a class on average")


def test_without_test_images_it_is_told_what_becomes_of_valid(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_parts(here / "two", train=20, valid=10)
    assert cli.main(["new", "--data", "two", "--out", "mine.yaml", "--yes"]) == 0
    said = capsys.readouterr()
    assert "test 30 (valid/, there being no test/)" in said.out
    assert "few images" in said.out
    assert "few images" not in said.err, "a note is told once"
    advised = (
        "`prunetune new --data two --question refill-vs-rsst --arch resnet18 --out two_refill_vs_rsst_resnet18.yaml`"
    )
    assert advised in said.out
