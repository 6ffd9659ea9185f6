"""What is said of accuracies, predictions and the probe, without a network."""

from __future__ import annotations

from typing import Any

import pytest

from trainables.probe import ProbeResult
from trainables.verification.accuracy import Accuracy
from trainables.verification.prediction import Prediction
from trainables.verification.verification import Verification


@pytest.mark.parametrize(("accuracy_", "place"), [(0.69, "below"), (0.72, "within"), (0.74, "within"), (0.8, "above")])
def test_a_prediction_is_compared_and_called_one(accuracy_: float, place: str) -> None:
    found = Prediction.of({"expected": {"accuracy": [0.72, 0.74], "says": "the guide"}})
    assert found is not None
    assert found.part == "test", "a file of before there was the key speaks of test images"
    assert found.place(accuracy_) == place
    assert "a prediction, no measurement: the guide" in found.text(accuracy_)


@pytest.mark.parametrize("said", [None, {}, {"expected": "72-74 %"}, {"expected": {"accuracy": [0.7]}}])
def test_what_cannot_be_compared_is_no_prediction(said: Any) -> None:
    assert Prediction.of(said) is None


def test_chance_is_three_standard_errors_wide() -> None:
    assert not Accuracy("val", 100, 10, 0.18, 0.6).above_chance
    assert Accuracy("val", 100, 10, 0.20, 0.6).above_chance
    assert Accuracy("val", 100, 4, 0.9, None).text() == "top-1 90.00 % on 100 validation images"


@pytest.mark.parametrize(("probe", "told"), [(0.403, True), (0.48, False), (0.9, False)])
def test_features_that_do_worse_than_random_ones_are_told(probe: float, told: bool) -> None:
    found = Verification(
        data="digits",
        trained_on="digits",
        same_data=True,
        accuracies=(Accuracy("test", 300, 10, 0.4, 0.9),),
        no_accuracy=None,
        probe=ProbeResult(probe, 0.519, 0.03, 320),
        norms=None,
        prediction=None,
    )
    assert found.works
    assert ("but with features that tell these images apart worse than random ones do" in found.sentence()) is told
    assert "(320 training images)" in found.sentence()
