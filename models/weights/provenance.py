"""Where a weights file's content came from, kept in the file's own header."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from models.atomic import replace_via
from models.errors import UserError
from models.spec import ModelSpec
from models.tensor_file import write_tensors
from models.versions import library_versions
from models.weights.digest import names_digest, tensor_digest

HEADER_KEY = "provenance"
FORMAT = 1
RANDOM_ORIGIN = "random"

# trained: by ourselves, in this file's own pretraining run; the others as a transfer left them.
How = Literal["copied", "resampled", "reinitialised", "trained"]


@dataclass(frozen=True)
class TensorRecord:
    """One tensor's SHA-256 (`models.digest.tensor_digest`), how it came over, and a note such as "16x16 → 4x4"."""

    sha256: str
    how: How
    note: str = ""


@dataclass(frozen=True)
class TransferReport:
    """The tensors of a network by how they came over; every tensor of the state is in exactly one."""

    copied: tuple[str, ...]
    resampled: tuple[str, ...]
    reinitialised: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        return {key: len(names) for key, names in asdict(self).items()}

    def to_json(self) -> dict[str, Any]:
        return {"counts": self.counts(), "resampled": list(self.resampled), "reinitialised": list(self.reinitialised)}

    def __str__(self) -> str:
        counts = self.counts()
        return ", ".join(f"{counts[key]} {key}" for key in counts)


@dataclass(frozen=True)
class Provenance:
    """What a state is and how it was made.

    `origin` is a full timm tag ("timm:NAME.TAG"), "weights:NAME", "file:NAME", "pretrain:NAME" or "random";
    `source_sha256` the digest of the file that it was made from, None where there was none. `mean` and `std` are the
    normalisation, per input channel and for pixels in [0, 1], that the weights were trained with; None if unknown.
    """

    spec: ModelSpec
    origin: str
    source_sha256: str | None
    tensors: dict[str, TensorRecord]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    versions: dict[str, str] = field(default_factory=dict)
    date: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def report(self) -> TransferReport:
        def named(*hows: str) -> tuple[str, ...]:
            return tuple(name for name, record in self.tensors.items() if record.how in hows)

        return TransferReport(named("copied", "trained"), named("resampled"), named("reinitialised"))

    @property
    def digest(self) -> str:
        """`state_digest` of the state that the records describe."""
        return names_digest({name: record.sha256 for name, record in self.tensors.items()})

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self), "spec": self.spec.to_json()}

    def summary(self) -> dict[str, Any]:
        """As JSON for records and reports: the transfer counted instead of every tensor's hash."""
        whole = self.to_json()
        return {key: value for key, value in whole.items() if key != "tensors"} | {"transfer": self.report.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Provenance:
        """Raises ValueError, KeyError or TypeError on anything that `to_json` did not write."""
        if value.get("format") != FORMAT:
            raise ValueError(f"format {value.get('format')!r}, expected {FORMAT}")
        fields = {key: item for key, item in value.items() if key != "format"}
        fields["spec"] = ModelSpec.from_json(fields["spec"])
        fields["tensors"] = {name: TensorRecord(**record) for name, record in fields["tensors"].items()}
        for key in ("mean", "std"):
            fields[key] = None if fields[key] is None else tuple(float(number) for number in fields[key])
        return cls(**fields)


def record_state(
    state: Mapping[str, Tensor],
    spec: ModelSpec,
    *,
    origin: str,
    source_sha256: str | None = None,
    hows: Mapping[str, tuple[How, str]] | None = None,
    default_how: How = "copied",
    mean: Iterable[float] | None = None,
    std: Iterable[float] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Provenance:
    """The provenance of `state` as it stands now, with today's date and the library versions in use.

    `hows` names, for the tensors that did not come over by `default_how`, how they did and a note.
    """
    hows = hows or {}
    tensors = {
        name: TensorRecord(tensor_digest(tensor), *hows.get(name, (default_how, ""))) for name, tensor in state.items()
    }
    return Provenance(
        spec=spec,
        origin=origin,
        source_sha256=source_sha256,
        tensors=tensors,
        mean=None if mean is None else tuple(mean),
        std=None if std is None else tuple(std),
        versions=_versions(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        extra=dict(extra or {}),
    )


def _versions() -> dict[str, str]:
    installed = library_versions(("torch", "timm", "safetensors"))
    # With the build, such as "+cpu", which a distribution's version leaves out.
    return {"python": platform.python_version(), **installed, "torch": str(torch.__version__)}


def content_name(provenance: Provenance) -> str:
    """A file name that follows from the content, such as "vit_small-32px-p4-10c-1f0c2d9a77e3.safetensors"."""
    return f"{content_stem(provenance.spec)}-{provenance.spec.num_classes}c-{provenance.digest[:12]}.safetensors"


def content_stem(spec: ModelSpec) -> str:
    """The part of the name that says the geometry without the classes: "vit_small-32px-p4"."""
    arch = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in spec.arch)
    patch = [] if spec.patch_size is None else [f"p{spec.patch_size}"]
    channels = [] if spec.in_chans == 3 else [f"{spec.in_chans}ch"]
    return "-".join([arch, f"{spec.img_size}px", *patch, *channels])


def write_weights_file(path_or_folder: Path, state: Mapping[str, Tensor], provenance: Provenance) -> Path:
    """Write a weights file with its provenance in the header, atomically; returns its path.

    A path that ends in ".safetensors" is taken as it is; any other is a folder, and the name follows from the content.

    Raises:
        ValueError: the provenance does not describe exactly this state (an error of the caller's, not of a user's).
        UserError: the place cannot be written.
    """
    found = {name: tensor_digest(tensor) for name, tensor in state.items()}
    recorded = {name: record.sha256 for name, record in provenance.tensors.items()}
    if found != recorded:
        wrong = sorted(name for name in found.keys() | recorded.keys() if found.get(name) != recorded.get(name))
        raise ValueError(f"provenance does not describe this state; it differs in {wrong[:5]}")
    is_file = path_or_folder.suffix == ".safetensors"
    path = path_or_folder if is_file else path_or_folder / content_name(provenance)
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    metadata = {HEADER_KEY: json.dumps(provenance.to_json(), sort_keys=True, allow_nan=False)}
    try:
        with replace_via(path) as temporary:
            write_tensors(temporary, tensors, metadata)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written ({error.strerror or error}); make its folder writable or choose another one "
            "with $PRUNETUNE_STORE"
        ) from error
    return path
