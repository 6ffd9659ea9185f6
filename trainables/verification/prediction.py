"""What a recipe was expected to come to. It is a prediction, and is called one: nobody measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from trainables.config.pretrain import Expected
from trainables.verification.accuracy import WORDS

Place = Literal["below", "within", "above"]


@dataclass(frozen=True)
class Prediction:
    """Top-1 on a part of the data from `low` to `high`, in [0, 1]; `says` is who predicted it."""

    part: str
    low: float
    high: float
    says: str

    @classmethod
    def of(cls, pretraining: Any) -> Prediction | None:
        """From a provenance's `pretrain`; None where it predicts nothing, or not in a way that can be compared."""
        told = pretraining.get("expected") if isinstance(pretraining, Mapping) else None
        if not isinstance(told, Mapping):
            return None
        try:
            expected = Expected.model_validate({key: told[key] for key in Expected.model_fields if key in told})
        except ValidationError:
            return None
        return cls(expected.part, *expected.accuracy, expected.says)

    def place(self, accuracy: float) -> Place:
        return "below" if accuracy < self.low else "above" if accuracy > self.high else "within"

    def text(self, accuracy: float | None) -> str:
        """`within the 72 to 74 % predicted of test images (a prediction, no measurement: the guide)`; None where there are no
        such images."""
        bounds, words = f"{100 * self.low:g} to {100 * self.high:g} %", WORDS[self.part]
        named = f"(a prediction, no measurement: {self.says})"
        if accuracy is None:
            return f"{bounds} were predicted of {words} images, of which there are none here {named}"
        return f"{self.place(accuracy)} the {bounds} predicted of {words} images {named}"

    def to_json(self, accuracy: float | None) -> dict[str, Any]:
        place = None if accuracy is None else self.place(accuracy)
        return {"part": self.part, "accuracy": [self.low, self.high], "says": self.says, "place": place}
