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
