"""What a recipe was expected to come to. It is a prediction, and is called one: nobody measured it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Place = Literal["below", "within", "above"]


@dataclass(frozen=True)
class Prediction:
    """Validation accuracy from `low` to `high`, in [0, 1]; `says` is who predicted it."""

    low: float
    high: float
    says: str

    @classmethod
    def of(cls, pretraining: Any) -> Prediction | None:
        """From a provenance's `pretrain`; None where it predicts nothing, or not in a way that can be compared."""
        expected = pretraining.get("expected") if isinstance(pretraining, Mapping) else None
        bounds = expected.get("val_accuracy") if isinstance(expected, Mapping) else None
        if not isinstance(expected, Mapping) or not isinstance(bounds, list | tuple) or len(bounds) != 2:
            return None
        if not all(isinstance(one, int | float) for one in bounds):
            return None
        return cls(float(bounds[0]), float(bounds[1]), str(expected.get("says") or "its recipe"))

    def place(self, accuracy: float) -> Place:
        return "below" if accuracy < self.low else "above" if accuracy > self.high else "within"

    def text(self, accuracy: float) -> str:
        """`within the predicted 72–74 % (predicted, not measured, by …)`."""
        return (
            f"{self.place(accuracy)} the predicted {100 * self.low:g} to {100 * self.high:g} % (a prediction, no "
            f"measurement: {self.says})"
        )

    def to_json(self, accuracy: float | None) -> dict[str, Any]:
        place = None if accuracy is None else self.place(accuracy)
        return {"val_accuracy": [self.low, self.high], "says": self.says, "place": place}
