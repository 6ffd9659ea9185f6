"""What arms' initial weights were trained on: unequal trainings are part of every difference between arms, and weights that
saw the test images leave no test."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.config_file import key_tree
from search.study.claims import comparing_arms, folds_of
from search.study.compared.images import FOLDED, data_of
from search.study.study import Study

NO_RECIPE = ("name", "model", "seed", "checkpoint_every", "expected", "epochs", "data.name")
"""Of a pretraining's file: what makes no training better, and what is told apart from the recipe."""
OF_MACHINE = ("data.workers", "data.on_bad_image", "train.device", "train.threads", "train.graph", "train.precision")
CUT = re.compile(r"(?:held out|fold \d+ of \d+) of (.+?),? by ")
"""A test split that is cut from images which a pretraining may have trained on; the group says from which."""


@dataclass(frozen=True)
class Start:
    """An arm with the `weights` and `data` that a trial's record, or the check before a run, has of it."""

    arm: str
    weights: Mapping[str, Any]
    data: Mapping[str, Any]

    @property
    def provenance(self) -> Mapping[str, Any]:
        return _section(self.weights, "provenance")

    @property
    def made(self) -> Mapping[str, Any]:
        """What a pretraining of ours wrote of itself; empty of other weights."""
        extra = _section(self.provenance, "extra")
        return _section(_section(extra, "source_extra"), "pretrain") or _section(extra, "pretrain")

    @property
    def trained_on(self) -> Mapping[str, Any]:
        return _section(self.made, "data")

    def text(self) -> str:
        """`proven, main on image_folder (900 images x 6 epochs)`."""
        verdict, made = self.weights.get("verdict"), self.made
        if not made:
            origin = self.provenance.get("origin")
            return f"{verdict}" if origin in (None, verdict) else f"{verdict}, {origin}"
        config, images = _section(made, "config"), _section(self.trained_on, "sizes").get("train")
        named = f"{config.get('name')} on {self.trained_on.get('name')}"
        return f"{verdict}, {named} ({images} images x {config.get('epochs')} epochs)"


def start_warnings(study: Study, starts: Iterable[Start]) -> list[str]:
    """At most one line on unequal starts of the arms that are compared, and one on weights that saw the test images.

    `starts`: one or more of every arm whose weights are known; those of one arm differ in their test images alone.
    """
    known = list(starts)
    first = {one.arm: one for one in reversed(known)}
    compared = [first[arm] for arm in comparing_arms(study) if arm in first]
    return [*_unequal(compared), *_seen(study, known)]


def _unequal(starts: Sequence[Start]) -> Iterator[str]:
    if len({_training(one, starts) for one in starts}) < 2:
        return
    recipes = [_recipe(one) for one in starts if one.made]
    shared = set.intersection(*map(set, recipes)) if recipes else set()
    apart = sorted(key for key in shared if len({json.dumps(one[key]) for one in recipes}) > 1)
    told = "; ".join(f"{one.arm}: {one.text()}" for one in starts)
    recipe = f"; the recipes of their pretraining differ in {', '.join(apart)}" if apart else ""
    yield f"unequal starts: {told}{recipe}. Their difference is one of these weights as well, not of the networks alone"


def _training(start: Start, starts: Sequence[Start]) -> str:
    """What two starts have alike where neither was trained more, or otherwise, than the other. Of published weights of
    different networks nobody can tell."""
    provenance = start.provenance
    origin = str(provenance.get("origin"))
    if start.made:
        told: Any = [start.trained_on, _section(start.made, "config").get("epochs"), _recipe(start)]
    elif len({json.dumps(one.provenance.get("spec"), sort_keys=True) for one in starts}) == 1:
        told = [origin, provenance.get("source_sha256")]
    else:
        told = origin.partition(":")[0]
    return json.dumps([start.weights.get("verdict"), told], sort_keys=True)


def _recipe(start: Start) -> dict[str, Any]:
    """Dotted key → value, of what a pretraining's file says of its training."""
    found = dict(key_tree.leaves(dict(_section(start.made, "config"))))
    return {key: value for key, value in found.items() if key not in OF_MACHINE and not _is_any(key, NO_RECIPE)}


def _is_any(key: str, names: Iterable[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in names)


def _seen(study: Study, starts: Sequence[Start]) -> Iterator[str]:
    surely = {one.arm: one for one in reversed(starts) if _is_same_set(one) and _left_out_others(study, one)}
    perhaps = {one.arm: one for one in reversed(starts) if _may_be_same_folder(one) and _left_out_others(study, one)}
    for found, verb in ((surely, "were"), (perhaps, "may have been")):
        if found:
            arms = [name for name in study.arms if name in found]
            yield _seen_text(arms, found[arms[0]], verb)


def _seen_text(arms: Sequence[str], one: Start, verb: str) -> str:
    why = ""
    if verb != "were":
        why = f", whose {_images_of(one.trained_on, _source(one))} images in as many classes may be these"
    return (
        f"the initial weights of {', '.join(arms)} {verb} pretrained on test images of this study: they come of "
        f"{one.trained_on.get('name')}{why} (left out: {_test(one.trained_on)}), and the study tests on {_test(one.data)}; "
        "then a test accuracy is one of images seen before: pretrain on other images, or leave the same ones out"
    )


def _is_same_set(start: Start) -> bool:
    name = start.data.get("name")
    return bool(start.made) and name != "image_folder" and start.trained_on.get("name") == name


def _may_be_same_folder(start: Start) -> bool:
    """Whether a pretraining's folder has as many images, and classes, where this study's test images are cut from: a
    pretraining's header does not name the folder."""
    source = _source(start)
    if not source or start.data.get("name") != "image_folder" or start.trained_on.get("name") != "image_folder":
        return False
    native = _section(_section(start.provenance, "extra"), "source_spec") or _section(start.provenance, "spec")
    alike = native.get("num_classes") == _section(start.provenance, "spec").get("num_classes")
    return alike and _images_of(start.data, source) == _images_of(start.trained_on, source)


def _left_out_others(study: Study, start: Start) -> bool:
    """Whether a pretraining on the images that a study's test split is cut from has left out others than those."""
    if start.trained_on.get("digest") == start.data.get("digest") and len(folds_of(study)) < 2:
        return False
    ours, theirs = _test(start.data), _test(start.trained_on)
    if not ours or not theirs or not (_source(start) or start.data.get("name") == FOLDED):
        return False
    if len(folds_of(study)) > 1:
        return True
    if start.data.get("name") == FOLDED:
        return ours != theirs
    seed = _section(_section(start.made, "config"), "data").get("split_seed")
    return (ours, data_of(study, study.arms[start.arm]).get("split_seed")) != (theirs, seed)


def _test(data: Mapping[str, Any]) -> str:
    return str(_section(data, "splits").get("test") or "")


def _source(start: Start) -> str:
    """Of which images the test split is cut; empty where the data set comes with it."""
    found = CUT.match(_test(start.data))
    return found[1] if found else ""


def _images_of(data: Mapping[str, Any], source: str) -> int:
    """Images in all parts that are taken of `source`."""
    splits, sizes = _section(data, "splits"), _section(data, "sizes")
    return sum(int(sizes.get(part, 0)) for part, text in splits.items() if source in str(text))


def _section(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = tree.get(key)
    return found if isinstance(found, Mapping) else {}
