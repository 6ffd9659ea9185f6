"""What a teacher was found to know, as records hold it. Read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

CLEARLY = 2.0
"""Paired difference in standard errors from which a teacher is called better than guessing."""


@dataclass(frozen=True)
class Knowledge:
    """Accuracies in [0, 1] on so many training images without augmentation: the teacher's, and that of always guessing their
    commonest class. `standard_error` is that of the paired difference."""

    accuracy: float
    guessing: float
    standard_error: float
    images: int

    @property
    def wins(self) -> bool:
        """Whether the teacher beats guessing by more than two standard errors."""
        return self.accuracy - self.guessing > CLEARLY * self.standard_error

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{key: value[key] for key in cls.__dataclass_fields__})

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "wins": self.wins}

    def text(self) -> str:
        return (
            f"right on {100 * self.accuracy:.1f} % of {self.images} training images, where guessing is on "
            f"{100 * self.guessing:.1f} %"
        )
