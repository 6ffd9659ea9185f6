"""What only data and network together can show to be impossible is found in every arm before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError
from models.spec import ModelSpec
from models.weights.initial_weights import InitialWeights, InitRequest
from search.run.preflight import check_study
from search.study.load import load_study
from tests.search.small_study import small_study
from tests.trainables.teaching.cases import state_file
from trainables.config.distill import TeacherConfig
from trainables.data.base import DataInfo
from trainables.teaching.teacher import Teacher

ARMS: dict[str, Any] = {"refill": {"prune.method": "refill"}, "second": {"prune.method": "rsst"}}
THREE_ARMS: dict[str, Any] = {**ARMS, "dense": {"prune.method": "dense"}}
PRETRAINED: dict[str, Any] = {"model": {"init": {"source": "pretrained"}}}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"prune.method": "rsst", "prune.rsst.lambda_max": 1e6}, r"rsst\.lambda_max: .* lr\*lambda is"),
        ({"prune.method": "random", "prune.schedule.macs_target": 0.001}, r"macs_target: found 0\.001"),
    ],
)
def test_a_later_arms_impossible_setting_is_found_at_its_line(
    tmp_path: Path, asked: dict[str, Any], message: str
) -> None:
    file = small_study(tmp_path, arms=ARMS | {"second": asked})
    (*_, impossible) = asked
    (line,) = (number for number, text in enumerate(file.read_text().splitlines(), 1) if f"{impossible}:" in text)
    with pytest.raises(UserError, match=rf"line {line}: .*{message}"):
        check_study(load_study(file))
    small_study(tmp_path, arms=ARMS)
    assert set(check_study(load_study(file)).starting_points) == {"refill", "second"}


def test_the_functional_proof_is_made_before_a_study_starts(tmp_path: Path) -> None:
    drawn = check_study(load_study(small_study(tmp_path, arms=ARMS))).starting_points["refill"]
    assert "probe" not in drawn.weights, "random weights claim nothing"
    file = small_study(tmp_path, trial={**PRETRAINED, "data": {"train_limit": 400}}, arms=ARMS)
    checked = check_study(load_study(file))
    probe = checked.starting_points["refill"].weights["probe"]
    assert probe["wins"]
    assert probe["accuracy"] > probe["random_accuracy"] + 0.1


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """(what was proven, seed) for each proof of weights, and ("probe", images) for each probe."""
    from trainables import prepare, probe

    done: list[tuple[str, int]] = []
    prove, probing = prepare.initial_weights, probe.probe_state

    def initial_weights(spec: ModelSpec, request: InitRequest, *, seed: int, **rest: Any) -> InitialWeights:
        done.append((request.source, seed))
        return prove(spec, request, seed=seed, **rest)

    def probe_state(spec: ModelSpec, state: Any, images: Any, *rest: Any, **named: Any) -> Any:
        done.append(("probe", len(images)))
        return probing(spec, state, images, *rest, **named)

    monkeypatch.setattr(prepare, "initial_weights", initial_weights)
    monkeypatch.setattr(probe, "probe_state", probe_state)
    return done


def test_arms_that_start_from_the_same_weights_and_data_share_one_proof(
    tmp_path: Path, proofs: list[tuple[str, int]]
) -> None:
    file = small_study(tmp_path, trial=PRETRAINED, arms=THREE_ARMS)
    points = check_study(load_study(file)).starting_points
    assert [kind for kind, _ in proofs] == ["pretrained", "probe"]
    assert len(points) == 3
    assert len({str(point.weights) for point in points.values()}) == 1


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"seed": 5}, ["pretrained", "probe", "pretrained", "probe"]),
        ({"model.init.source": "random"}, ["pretrained", "probe", "random"]),
        ({"data.split_seed": 5}, ["pretrained", "probe", "probe"]),
        ({"data.train_limit": 80}, ["pretrained", "probe", "probe"]),
    ],
)
def test_an_arm_that_starts_otherwise_is_proven_by_itself(
    tmp_path: Path, proofs: list[tuple[str, int]], changed: dict[str, Any], expected: list[str]
) -> None:
    arms = THREE_ARMS | {"dense": {"prune.method": "dense", **changed}}
    points = check_study(load_study(small_study(tmp_path, trial=PRETRAINED, arms=arms))).starting_points
    assert [kind for kind, _ in proofs] == expected
    assert points["dense"].to_json() != points["refill"].to_json()
    assert points["second"].to_json() == points["refill"].to_json()


def test_a_network_that_two_arms_may_choose_is_proven_once(tmp_path: Path, proofs: list[tuple[str, int]]) -> None:
    space = {"model.patch_size": {"choice": [2, 4]}}
    check_study(load_study(small_study(tmp_path, trial=PRETRAINED, arms=THREE_ARMS, space=space)))
    # Once as what the space may choose besides, and once as what all arms' first configuration starts from.
    assert [kind for kind, _ in proofs] == ["pretrained", "pretrained", "probe"]


TEACHER = {"train.distill.weight": 0.5, "train.distill.teacher.init.source": "path"}


def taught_by(file: Path | str) -> dict[str, Any]:
    return {**TEACHER, "train.distill.teacher.init.path": str(file)}


@pytest.mark.parametrize("method", ["refill", "scratch"])
def test_a_teacher_that_is_not_there_is_found_at_its_line(tmp_path: Path, method: str) -> None:
    patch = {"prune.method": method, **({"prune.scratch.arm": "refill"} if method == "scratch" else {})}
    file = small_study(tmp_path, arms={**ARMS, "taught": {**patch, **taught_by("none.safetensors")}})
    (line,) = (number for number, text in enumerate(file.read_text().splitlines(), 1) if "teacher.init.path" in text)
    with pytest.raises(UserError, match=rf"line {line}: .*{tmp_path / 'none.safetensors'} is not a file"):
        check_study(load_study(file))


def test_a_teacher_that_the_space_may_choose_is_checked_too(tmp_path: Path) -> None:
    wrong = state_file(tmp_path / "wrong.safetensors", data={"name": "fashion_mnist", "digest": "ab"})
    chosen = {"init": {"source": "path", "path": str(wrong)}}
    space = {"train.distill.teacher": {"choice": ["dense", chosen]}}
    file = small_study(tmp_path, trial={"train": {"distill": {"weight": 0.5}}}, arms=ARMS, space=space)
    with pytest.raises(UserError, match=r"line \d+: .*was trained on fashion_mnist, found digits here"):
        check_study(load_study(file))


def test_each_teacher_is_opened_once_whatever_arms_learn_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainables.teaching import teachers

    opened: list[str] = []

    def open_teacher(asked: TeacherConfig, info: DataInfo) -> Teacher:
        opened.append(str(asked.init.path))
        return open_really(asked, info)

    open_really = teachers.open_teacher
    monkeypatch.setattr(teachers, "open_teacher", open_teacher)
    one, other = (str(state_file(tmp_path / name)) for name in ("one.safetensors", "other.safetensors"))
    arms = {
        "untaught": {"prune.method": "dense"},
        "first": {"prune.method": "refill", **taught_by(one)},
        "second": {"prune.method": "rsst", **taught_by(one)},
        "third": {"prune.method": "random", **taught_by(other)},
    }
    checked = check_study(load_study(small_study(tmp_path, arms=arms)))
    assert opened == [one, other]
    points = checked.starting_points
    assert points["untaught"].teacher is None
    assert "teacher" not in points["untaught"].to_json()
    told = points["first"].to_json()["teacher"]
    assert told == points["second"].to_json()["teacher"]
    assert (told["origin"], points["third"].to_json()["teacher"]["origin"]) == (one, other)
    # Its weights are noise.
    assert any(line.startswith("first, second: train.distill.teacher: ") for line in checked.warnings)
