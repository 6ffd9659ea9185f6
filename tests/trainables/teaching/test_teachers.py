"""What a teacher is found to know, how it is told in a record, and what is odd about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.errors import UserError
from models.weights.digest import state_digest
from tests.models.weights.cases import trained_state
from tests.trainables.small_trials import small_config
from tests.trainables.teaching.cases import MADE_BY, SPEC, state_file
from trainables.config.trial import TrialConfig
from trainables.data import load_data
from trainables.data.base import Data
from trainables.teaching import teachers
from trainables.teaching.knowledge import Knowledge
from trainables.teaching.probe import knowledge_of
from trainables.teaching.teacher import Teacher
from trainables.teaching.teachers import Teachers, Teaching

CPU = torch.device("cpu")


class Told(nn.Module):
    """Answers by what it was told of each image."""

    def __init__(self, answers: dict[bytes, int]) -> None:
        super().__init__()
        self.answers = answers

    def forward(self, images: Tensor) -> Tensor:
        named = torch.tensor([self.answers[image.numpy().tobytes()] for image in images])
        return nn.functional.one_hot(named, 10).float()


@pytest.fixture(scope="module")
def data() -> Data:
    return load_data(small_config().data, CPU)


def asked(path: Path, **changes: Any) -> TrialConfig:
    teacher = {"init": {"source": "path", "path": str(path)}}
    return small_config(train={"distill": {"weight": 0.5, "teacher": teacher}}, **changes)


def taught(found: Teachers, config: TrialConfig, data: Data) -> Teaching:
    teacher = found.of(config, data.info)
    assert teacher is not None
    return found.before(teacher, config, data, data.normalised([0.1], [0.2]), CPU)


def test_knowledge_is_counted_against_guessing_the_commonest_class(data: Data) -> None:
    (images, labels), *rest = data.calibration_batches(96, images=96)
    assert not rest
    answers = {image.numpy().tobytes(): int(label) for image, label in zip(images, labels, strict=True)}
    right = knowledge_of(Told(answers), data, CPU)
    commonest = int(labels.bincount().argmax())
    guesses = float((labels == commonest).double().mean())
    assert (right.accuracy, right.images) == (1.0, 96)
    assert right.guessing == pytest.approx(guesses)
    assert right.wins
    wrong = knowledge_of(Told({key: (label + 1) % 10 for key, label in answers.items()}), data, CPU)
    assert (wrong.accuracy, wrong.wins) == (0.0, False)
    guess = knowledge_of(Told(dict.fromkeys(answers, commonest)), data, CPU)
    assert (guess.accuracy, guess.standard_error, guess.wins) == (guess.guessing, 0.0, False)
    assert Knowledge.from_json(right.to_json()) == right


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda images: torch.zeros(len(images), 9), r"shape \(64, 9\), expected one finite number for each of 10"),
        (lambda images: torch.full((len(images), 10), torch.nan), "values that are not finite"),
    ],
)
def test_answers_of_another_kind_are_an_error(data: Data, answer: Any, told: str) -> None:
    teacher = nn.Module()
    teacher.forward = answer  # type: ignore[method-assign]
    with pytest.raises(UserError, match=told):
        knowledge_of(teacher, data, CPU)


def test_a_teacher_stands_in_the_record_with_its_verdict_and_what_it_knows(tmp_path: Path, data: Data) -> None:
    path = state_file(tmp_path / "00.safetensors")
    teaching = taught(Teachers(), asked(path), data)
    header = teaching.header
    assert header["digest"] == state_digest(trained_state(SPEC))
    assert (header["verdict"], header["origin"], header["trained_on"]) == ("unproven", str(path), "digits")
    assert (header["mean"], header["std"], header["spec"]["img_size"]) == ([0.3], [0.4], 16)
    assert header["params"] == sum(one.numel() for one in teaching.network.parameters())
    assert header["macs"] > 0
    assert header["probe"]["images"] == 96
    # Its weights are noise: it has as many outputs as there are classes, and knows none of them.
    assert any("does not know these classes" in line for line in teaching.warnings)


def test_each_teacher_is_opened_and_probed_once(tmp_path: Path, data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def counted(name: str) -> Callable[..., Any]:
        real = getattr(teachers, name)

        def call(*given: Any) -> Any:
            done.append(name)
            return real(*given)

        return call

    for name in ("open_teacher", "knowledge_of"):
        monkeypatch.setattr(teachers, name, counted(name))
    one, other = state_file(tmp_path / "one"), state_file(tmp_path / "other", normalisation={"mean": [0], "std": [1]})
    found = Teachers()
    for path in (one, other, one, one):
        taught(found, asked(path, prune={"method": "rsst"}), data)
    assert done == ["open_teacher", "knowledge_of"] * 2
    assert found.of(small_config(), data.info) is None
    nobody = asked(one).train.model_copy(
        update={"distill": asked(one).train.distill.model_copy(update={"weight": 0.0})}
    )
    assert found.of(small_config().model_copy(update={"train": nobody}), data.info) is None


def test_images_are_those_of_the_training_part_where_nothing_says_what_it_was_trained_with(
    tmp_path: Path, data: Data
) -> None:
    path = state_file(tmp_path / "00.safetensors", normalisation=None)
    teaching = taught(Teachers(), asked(path), data)
    assert teaching.header["mean"] == list(data.mean)
    assert any("does not say with which mean and standard deviation" in line for line in teaching.warnings)


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ({"split_seed": 3}, "data.split_seed 3, here 0"),
        ({"val_fraction": 0.3, "split_seed": 0}, "data.val_fraction 0.3, here 0.2"),
        ({"val_fraction": 0.2, "split_seed": 0, "train_limit": 9}, None),
    ],
)
def test_a_teacher_that_may_have_seen_what_the_trial_is_judged_by_is_warned_of(
    tmp_path: Path, data: Data, there: dict[str, Any], told: str | None
) -> None:
    path = state_file(tmp_path / "00.safetensors", config={"data": {"name": "digits", **there}})
    warnings = [line for line in taught(Teachers(), asked(path), data).warnings if "another split" in line]
    assert len(warnings) == (told is not None)
    assert told is None or told in warnings[0]
    same = state_file(tmp_path / "same", data={"name": "digits", "digest": data.digest}, config={"data": there})
    assert not any("another split" in line for line in taught(Teachers(), asked(same), data).warnings)


def test_of_folders_of_images_nothing_says_that_their_classes_are_the_same(tmp_path: Path) -> None:
    from trainables.teaching.teacher import TrainedOn, split_warnings

    known = TrainedOn("image_folder", "ab", MADE_BY["config"]["data"])
    teacher = Teacher(nn.Identity(), SPEC, "there", "", "", "unproven", (), trained_on=known)
    config = small_config(data={"name": "image_folder", "val_fraction": 0.1, "train_limit": None}).data
    (line,) = split_warnings(teacher, config, "cd")
    assert "nothing says that its classes are these" in line
    assert split_warnings(teacher, config, "ab") == ()
