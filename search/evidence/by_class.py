"""How right a network is about each class's test images, where its predictions were kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from search.evidence.paired.images import predictions
from search.evidence.statistics import wilson_interval
from search.run.candidates import Candidate


@dataclass(frozen=True)
class ClassAccuracy:
    """Of the `images` of one class so many were taken for their own; `mistaken_for` is the commonest other answer."""

    label: int
    images: int
    right: int
    mistaken_for: int | None

    @property
    def accuracy(self) -> float:
        return self.right / self.images

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.right, self.images)


def accuracy_by_class(candidate: Candidate) -> list[ClassAccuracy]:
    """In the classes' order, those with test images; empty where no predictions of this state were kept."""
    found = predictions(candidate.trial, candidate.state.state)
    if found is None:
        return []
    predicted, truth = found
    return [_of_class(label, predicted[truth == label]) for label in np.unique(truth).tolist()]


def _of_class(label: int, answers: np.ndarray) -> ClassAccuracy:
    wrong, times = np.unique(answers[answers != label], return_counts=True)
    commonest = int(wrong[times.argmax()]) if wrong.size else None
    return ClassAccuracy(label, answers.size, int((answers == label).sum()), commonest)
