"""What whoever runs an exported network has to know beside its weights: the classes' names, and what its images go through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.preprocessing import Preprocessing
from models.save_load import LoadedModel, recorded_preprocessing
from trainables.data.sets.catalogue import KINDS


@dataclass(frozen=True)
class Deployed:
    """None where the trial's version did not record it, and it cannot be known from what it did."""

    class_names: tuple[str, ...] | None
    preprocessing: Preprocessing | None

    def name(self, label: int) -> str:
        return f"class {label}" if self.class_names is None else self.class_names[label]

    def to_json(self) -> dict[str, Any]:
        return {
            "class_names": None if self.class_names is None else list(self.class_names),
            "preprocessing": None if self.preprocessing is None else self.preprocessing.to_json(),
        }


def deployed(parts: LoadedModel, file: str) -> Deployed:
    """Of a state's file, which an error is to name `file`."""
    names = parts.metadata.get("class_names")
    return Deployed(None if names is None else tuple(names), _preprocessing(parts, file))


def _preprocessing(parts: LoadedModel, file: str) -> Preprocessing | None:
    """As it was recorded. Before it was, normalisation and data were, and by these it is known of sets in memory, which were
    always stretched; image files were decoded and resized otherwise then than now."""
    if "preprocessing" in parts.metadata:
        return recorded_preprocessing(parts.metadata, file)
    scale, name = parts.metadata.get("normalisation"), parts.metadata.get("data", {}).get("name")
    if scale is None or name not in KINDS or KINDS[name].of_files:
        return None
    return Preprocessing(parts.spec.img_size, parts.spec.in_chans, "stretch", tuple(scale["mean"]), tuple(scale["std"]))
