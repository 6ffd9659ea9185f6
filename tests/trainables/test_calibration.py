"""Calibration images are so many images, whatever the batch size; the older key means what it meant, and warns."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pruning.catalogue import CRITERIA
from pruning.importance import score
from tests.trainables.small_trials import small_config
from trainables.config.prune import PruneConfig
from trainables.data import Batch
from trainables.files.record import Identity
from trainables.prepare import prepare


class Caught(Exception):
    pass


def calibration(monkeypatch: pytest.MonkeyPatch, batch_size: int, **prune: Any) -> list[int]:
    """The labels of the images that the first pruning event is given, batch by batch."""
    config = small_config(data={"train_limit": 200}, train={"batch_size": batch_size}, prune=prune)
    procedure = prepare(Identity("t"), config).procedure
    found: list[int] = []

    def catch(event: Any, **others: Any) -> None:
        found.extend(label for _, labels in event.batches() for label in labels.tolist())
        raise Caught

    monkeypatch.setattr("trainables.states.procedure.choose_drop", lambda network, event: catch(event))
    procedure.position = procedure.position.next_state()
    with pytest.raises(Caught):
        procedure.start_state()
    return found


def test_the_number_of_images_does_not_move_with_the_batch_size(monkeypatch: pytest.MonkeyPatch) -> None:
    small = calibration(monkeypatch, 16, calibration_images=100)
    large = calibration(monkeypatch, 50, calibration_images=100)
    assert len(small) == 100
    assert small == large


def test_the_older_key_counts_batches_as_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(calibration(monkeypatch, 16, calibration_images=None, calibration_batches=3)) == 48
    assert len(calibration(monkeypatch, 50, calibration_images=None, calibration_batches=3)) == 150


def test_the_defaults_agree_at_the_default_batch_size() -> None:
    assert PruneConfig().calibration(64) == PruneConfig.model_validate({"calibration_batches": 4}).calibration(64)


@pytest.mark.parametrize("given", [{}, {"calibration_images": 10}, {"calibration_batches": 4}])
def test_what_is_recorded_reads_back(given: dict[str, int]) -> None:
    config = PruneConfig.model_validate(given)
    assert PruneConfig.model_validate(config.model_dump(mode="json")) == config
    assert PruneConfig.model_validate(config.model_dump(mode="json", exclude_none=True)) == config


@pytest.mark.parametrize(("criterion", "warns"), [("taylor", True), ("magnitude", False)])
def test_the_older_key_warns_with_the_newer_ones_value(criterion: str, warns: bool) -> None:
    config = small_config(prune={"criterion": criterion, "calibration_images": None, "calibration_batches": 2})
    told = [line for line in prepare(Identity("t"), config).warnings if line.startswith("prune.calibration_batches: ")]
    assert len(told) == warns
    if warns:
        assert "2 batches of 32 are 64 images here" in told[0]
        assert "say prune.calibration_images: 64" in told[0]


@pytest.mark.parametrize("method", ["refill", "random", "dense", "imp"])
@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_images_are_asked_for_only_where_the_criterion_looks_at_them(
    monkeypatch: pytest.MonkeyPatch, criterion: str, method: str
) -> None:
    config = small_config(data={"train_limit": 64}, prune={"criterion": criterion, "method": method})
    procedure = prepare(Identity("t"), config).procedure
    given, asked = procedure.data.calibration_batches, list[int]()

    def counted(data: object, batch_size: int, *, images: int) -> list[Batch]:
        asked.append(images)
        return given(batch_size, images=images)

    monkeypatch.setattr(type(procedure.data), "calibration_batches", counted)
    procedure.position = procedure.position.next_state()
    procedure.start_state()
    by_weights = ("magnitude", "l2", "fpgm", "remain", "random")
    looks = method == "refill" and criterion not in by_weights
    assert asked == ([64] if looks else [])


@pytest.mark.parametrize(
    "criterion", ["activation_l2", "wanda", "taylor", "taylor_group", "fisher", "obs", "reconstruction"]
)
def test_scores_depend_on_the_images_and_not_on_their_batches(criterion: str) -> None:
    network = prepare(Identity("t"), small_config()).procedure
    groups = network.network.groups()
    found = [
        score(
            criterion,
            network.network.model,
            groups,
            batches=network.data.calibration_batches(size, images=90),
            loss=torch.nn.functional.cross_entropy,
        )
        for size in (7, 64)
    ]
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-4, atol=1e-7)
