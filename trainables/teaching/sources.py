"""Opening an outside teacher: a state file or an export, another weights file, or published weights. Nothing is resampled and
no classifier is drawn: a teacher is what was trained, at its own size, or it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.networks.native import head_names, native_model, timm_native_spec
from models.networks.own_file import check_agreed
from models.networks.registry import resolve_spec
from models.networks.variants import name_of, own_args, resolve_name
from models.save_load import is_model_file, load_parts, network_of
from models.spec import ModelSpec
from models.weights.digest import file_digest, state_digest
from models.weights.initial_weights import InitRequest, check_request, check_sha256
from models.weights.proof.fingerprints import initialisation_evidence, not_finite
from models.weights.proof.strict_load import load_strictly, some
from models.weights.provenance import Provenance
from models.weights.repository import PREFIX, repository_file
from models.weights.sources import Source, open_file, open_tag, pretrained_tag
from models.weights.weights_file import read_provenance, read_weights_file, refuse
from trainables.config.distill import TEACHER_KEY, TeacherConfig
from trainables.data.base import DataInfo
from trainables.teaching.images import Scale
from trainables.teaching.teacher import Teacher, TrainedOn, check_classes, check_suits
from trainables.teaching.words import told_of_teacher

HOW_TO_AGREE = f"{TEACHER_KEY}.arch"


def open_teacher(asked: TeacherConfig, info: DataInfo) -> Teacher:
    """The teacher, judged, for data of this kind.

    Raises:
        UserError: the request contradicts itself, or the network knows other classes.
        WeightsRefused: it could not be had, or is not what it claims to be.
    """
    init = asked.init
    with told_of_teacher():
        request = InitRequest(init.source, None if init.path is None else str(init.path), init.tag, sha256=init.sha256)
        check_request(request)
        teacher = _published(asked, info) if init.path is None else _of_file(asked, init.path.expanduser(), info)
        check_sha256(request, teacher.source_sha256)
        check_suits(teacher, info)
    return teacher


def _published(asked: TeacherConfig, info: DataInfo) -> Teacher:
    tag = pretrained_tag(asked.arch or "", asked.init.tag)
    _check_says_itself(asked, tag)
    if tag.startswith(PREFIX):
        file = repository_file(tag)
        known = read_provenance(file)
        if known is None:
            raise refuse(str(file), ("no provenance header",))
        source = open_file(file, known.spec, origin=tag)
        _check_proven(asked, source)
        return _of_source(source, known)
    native, _, _ = timm_native_spec(tag)
    check_classes(tag, native.num_classes, info)  # before anything is downloaded
    return _of_source(open_tag(tag, native), None)


def _of_file(asked: TeacherConfig, path: Path, info: DataInfo) -> Teacher:
    if not path.is_file():
        raise UserError(
            f"{path} is not a file; give a state file of this project, or a safetensors or PyTorch file of weights",
            key=f"{TEACHER_KEY}.init.path",
        )
    if is_model_file(path):
        return _of_model_file(asked, path)
    known = read_weights_file(path).provenance
    if known is not None:
        _check_says_itself(asked, str(path), known.spec)
        check_agreed(known.spec.arch, path, asked.arch or "", f"{HOW_TO_AGREE}: {known.spec.arch}")
        source = open_file(path, known.spec, origin=str(path))
        _check_proven(asked, source)
        return _of_source(source, known)
    if asked.arch is None:
        raise UserError(
            f"missing, and {path} does not say which network it holds; give its architecture", key=f"{TEACHER_KEY}.arch"
        )
    spec = resolve_spec(asked.arch, info.num_classes, info.image_size, info.in_chans, args=asked.args)
    source = open_file(path, spec, origin=str(path))
    _check_proven(asked, source)
    return _of_source(source, None)


def _check_proven(asked: TeacherConfig, source: Source) -> None:
    if asked.init.source == "pretrained" and source.verdict.word != "proven":
        unproven = f"{source.origin} is unproven, and source: pretrained needs proof"
        raise refuse(source.origin, (unproven, *source.verdict.evidence))


def _check_says_itself(asked: TeacherConfig, origin: str, spec: ModelSpec | None = None) -> None:
    """UserError for what is asked of a network that is named already."""
    named, args = (None, asked.args) if asked.arch is None else resolve_name(asked.arch, asked.args)
    if asked.args and (spec is None or args != own_args(spec)):
        raise UserError(f"{origin} says its own; leave the key out", key=f"{TEACHER_KEY}.args")
    if spec is not None and named is not None and (named != spec.arch or (args and args != own_args(spec))):
        raise UserError(
            f"found {asked.arch}, but {origin} holds {name_of(spec) or spec.arch}; leave the key out",
            key=f"{TEACHER_KEY}.arch",
        )


def _of_model_file(asked: TeacherConfig, path: Path) -> Teacher:
    """A state file or an export, which may be a pruned network: by its own header, strictly."""
    parts = load_parts(path)
    _check_says_itself(asked, str(path), parts.spec)
    model = network_of(parts, path, own_code=asked.arch or "", how=f"{HOW_TO_AGREE}: {parts.spec.arch}")
    head = head_names(model)
    if found := (*not_finite(parts.state), *initialisation_evidence(parts.state, head=head)):
        raise refuse(str(path), found)
    told, data = parts.metadata, parts.metadata.get("data")
    return Teacher(
        model=model.requires_grad_(False),
        spec=parts.spec,
        origin=str(path),
        source_sha256=file_digest(path),
        digest=state_digest(parts.state),
        verdict="unproven",
        evidence=(
            f"a network of this project: state {told.get('state')}, {told.get('epochs')} epochs, validation accuracy "
            f"{told.get('val_accuracy')} by its own header, to which it was loaded strictly",
            "no fingerprint of initialisation found; nothing records what its tensors were when they were written",
        ),
        scale=_scale(told.get("normalisation"), parts.spec.in_chans),
        trained_on=_trained_on(data, told.get("config")),
    )


def _of_source(source: Source, known: Provenance | None) -> Teacher:
    """Weights at their own geometry, classifier included."""
    model = native_model(source.native)
    _check_has_classifier(source, known, head_names(model))
    load_strictly(source.state, model)
    made: Mapping[str, Any] = {} if known is None else known.extra.get("pretrain", {})
    scale = None if source.mean is None or source.std is None else Scale.of(source.mean, source.std)
    return Teacher(
        model=model.eval().requires_grad_(False),
        spec=source.native,
        origin=source.origin,
        source_sha256=source.sha256,
        digest=state_digest(model.state_dict()),
        verdict="proven" if source.verdict.word == "proven" else "unproven",
        evidence=source.verdict.evidence,
        warnings=source.verdict.warnings,
        scale=scale,
        trained_on=_trained_on(made.get("data"), made.get("config")),
    )


def _check_has_classifier(source: Source, known: Provenance | None, head: tuple[str, ...]) -> None:
    """UserError where the classifier is not there, or was drawn at random when the weights were brought to a geometry."""
    missing = [name for name in head if name not in source.state]
    drawn = [name for name in head if known is not None and name in known.report.reinitialised]
    if head and not missing and not drawn:
        return
    why = f"its {some(drawn)} were drawn at random" if drawn else f"it has no {some(missing or ['classifier'])}"
    raise UserError(
        f"{source.origin} has no trained classifier ({why}), so it has nothing to say of any class; name a network that "
        f"was trained whole, or say {TEACHER_KEY}: dense",
        key=TEACHER_KEY,
    )


def _scale(told: Any, channels: int) -> Scale | None:
    """None where the file does not say it, or says what cannot be that of its network: then it counts as unknown."""
    if not isinstance(told, Mapping):
        return None
    try:
        scale = Scale.of(told["mean"], told["std"])
    except (KeyError, TypeError, ValueError):
        return None
    fits = len(scale.mean) == len(scale.std) == channels and all(std > 0 for std in scale.std)
    return scale if fits else None


def _trained_on(data: Any, config: Any) -> TrainedOn | None:
    """None where the file does not say it, or not in full."""
    if not isinstance(data, Mapping) or not {"name", "digest"} <= data.keys():
        return None
    asked = config.get("data", {}) if isinstance(config, Mapping) else {}
    return TrainedOn(str(data["name"]), str(data["digest"]), asked if isinstance(asked, Mapping) else {})
