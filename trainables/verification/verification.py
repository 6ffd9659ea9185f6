"""`init verify FILE --data`: the same images as a sentence about what a file of weights can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.errors import UserError
from models.networks.native import head_names, native_model
from models.networks.own_file import check_agreed
from models.spec import ModelSpec
from models.weights.proof.strict_load import load_strictly
from models.weights.proof.verify import judge_for
from models.weights.provenance import Provenance
from models.weights.weights_file import read_weights_file, refuse
from trainables.config.trial import DataConfig
from trainables.data import Data, describe_data, load_data
from trainables.data.base import DataInfo
from trainables.data.network_spec import AskedNetwork, network_spec
from trainables.probe import PROBE_BATCH, PROBE_IMAGES, PROBE_SEED, ProbeResult, probe_state
from trainables.training.precision import resolve_device
from trainables.verification.accuracy import Accuracy, Progress, accuracy
from trainables.verification.norm_statistics import NormStatistics, norm_statistics
from trainables.verification.prediction import Prediction

NORM_IMAGES = 1024


@dataclass(frozen=True)
class Verification:
    """`accuracies` of the parts there are; empty, with `no_accuracy` saying why, where the classifier does not fit.
    `trained_on`: the name of the data that the weights were trained on, where the file says it, and `same_data` whether they
    are these, split for split: only then is it known that its classes are the data's."""

    data: str
    trained_on: str | None
    same_data: bool
    accuracies: tuple[Accuracy, ...]
    no_accuracy: str | None
    probe: ProbeResult
    norms: NormStatistics | None
    prediction: Prediction | None

    @property
    def works(self) -> bool:
        """Whether the classifier or the probe shows training, and nothing speaks against it."""
        shown = self.probe.wins or (bool(self.accuracies) and not self._at_chance)
        against = (self._at_chance and self.same_data) or (self.norms is not None and self.norms.untouched > 0)
        return shown and not against

    @property
    def _at_chance(self) -> bool:
        return any(not one.above_chance for one in self.accuracies)

    @property
    def _predicted_part(self) -> float | None:
        """The accuracy on the images that the prediction is about; None where they are others, or there is none."""
        if self.prediction is None or not self.same_data:
            return None
        return next((one.top1 for one in self.accuracies if one.part == self.prediction.part), None)

    def sentence(self) -> str:
        """All of it in one."""
        found = [one.text() for one in self.accuracies] or [f"no accuracy, for {self.no_accuracy}"]
        if self._at_chance and not self.same_data:
            told = (
                f"it was trained on {self.trained_on}"
                if self.trained_on
                else "the file does not say on what it was trained"
            )
            found.append(f"that is chance, and its classes may be others ({told})")
        if self.prediction is not None and self.accuracies and self.same_data:
            found.append(self.prediction.text(self._predicted_part))
        found.append(
            f"k-NN probe {100 * self.probe.accuracy:.1f} % where random weights have "
            f"{100 * self.probe.random_accuracy:.1f} % ({self.probe.images} training images)"
        )
        found.append("no BatchNorm" if self.norms is None else self.norms.text(own=self.same_data))
        return f"on {self.data} these weights {self._judged()}: {'; '.join(found)}"

    def _judged(self) -> str:
        if not self.works:
            return "are not shown to be trained"
        reached = self._predicted_part
        below = self.prediction is not None and reached is not None and self.prediction.place(reached) == "below"
        differ = self.norms is not None and self.norms.word == "differ"
        strange = "with statistics that have not settled" if self.same_data else "with statistics of other images"
        doubts = [
            *(["below what was predicted"] if below else []),
            *(["with features that tell these images apart worse than random ones do"] if self.probe.loses else []),
            *([strange] if differ else []),
        ]
        return "work" + (f", but {' and '.join(doubts)}" if doubts else "")

    def to_json(self) -> dict[str, Any]:
        return {
            "data": self.data,
            "trained_on": self.trained_on,
            "same_data": self.same_data,
            "accuracy": {one.part: one.to_json() for one in self.accuracies},
            "no_accuracy": self.no_accuracy,
            "probe": self.probe.to_json(),
            "batch_norm": None if self.norms is None else self.norms.to_json(),
            "prediction": None if self.prediction is None else self.prediction.to_json(self._predicted_part),
            "works": self.works,
            "sentence": self.sentence(),
        }


def verify_on(path: Path, config: DataConfig, network: AskedNetwork | None, progress: Progress) -> Verification:
    """Look at a weights file, at its own size and with its own classifier, through the images of `config`.

    Raises:
        UserError: the file does not say its network and nothing else does, or the images are of another kind.
        WeightsRefused: the file is not what it claims to be.
    """
    device = resolve_device("auto")
    content = read_weights_file(path)
    known = content.provenance
    asked = known.spec if known is not None else _named(path, network, describe_data(config))
    named = "" if network is None else network.arch
    check_agreed(asked.arch, path, named, "give it as the network")
    native, state, verdict = judge_for(content, asked)
    if verdict.word == "refused":
        raise refuse(str(path), verdict.evidence)
    data = _data(config, native, device)
    mean, std = (None, None) if known is None else (known.mean, known.std)
    normalised = data if mean is None or std is None else data.normalised(mean, std)
    model = native_model(native)
    load_strictly(state, model)
    whole = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    progress("k-NN probe", 0, PROBE_IMAGES)
    probe = _probe(native, whole, normalised)
    model.to(device).eval()
    progress("BatchNorm", 0, NORM_IMAGES)
    norms = norm_statistics(model, normalised.calibration_batches(PROBE_BATCH, images=NORM_IMAGES))
    no_accuracy = _why_no_accuracy(native, head_names(model), state, known, data)
    parts = [] if no_accuracy else [part for part in ("val", "test") if data.sizes.get(part)]
    accuracies = tuple(accuracy(model, normalised, part, progress) for part in parts)
    data.close()
    made = {} if known is None else known.extra.get("pretrain", {})
    trained_on = made.get("data", {})
    return Verification(
        data=data.info.name,
        trained_on=trained_on.get("name"),
        same_data=trained_on.get("digest") == data.digest,
        accuracies=accuracies,
        no_accuracy=no_accuracy,
        probe=probe,
        norms=norms,
        prediction=Prediction.of(made),
    )


def _named(path: Path, network: AskedNetwork | None, info: DataInfo) -> ModelSpec:
    if network is None:
        raise UserError(
            f"{path} does not say which network it holds; give --data a study or a pretraining file, whose `model` says it"
        )
    return network_spec(network, info)


def _data(config: DataConfig, native: ModelSpec, device: torch.device) -> Data:
    """At the size that the weights were trained at, whatever the configuration says."""
    config = config.model_copy(update={"image_size": native.img_size})
    info = describe_data(config)
    if info.in_chans != native.in_chans:
        raise UserError(
            f"--data {config.name}: its images have {info.in_chans} channels, and the network reads {native.in_chans}; "
            "verify it on images such as it was trained on"
        )
    return load_data(config, device)


def _probe(spec: ModelSpec, state: Mapping[str, torch.Tensor], data: Data) -> ProbeResult:
    batches = data.calibration_batches(PROBE_BATCH, images=PROBE_IMAGES)
    images = torch.cat([images for images, _ in batches]).cpu()
    labels = torch.cat([labels for _, labels in batches]).cpu()
    return probe_state(spec, state, images, labels, seed=PROBE_SEED)


def _why_no_accuracy(
    native: ModelSpec, head: tuple[str, ...], state: Mapping[str, Any], known: Provenance | None, data: Data
) -> str | None:
    if native.num_classes != data.info.num_classes:
        return f"it tells {native.num_classes} classes apart, and {data.info.name} has {data.info.num_classes}"
    drawn = [] if known is None else [name for name in head if name in known.report.reinitialised]
    if not head or drawn or any(name not in state for name in head):
        return "it has no trained classifier"
    return None
