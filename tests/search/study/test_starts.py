"""What is said of arms' initial weights: that they were trained unequally, and that they saw the test images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.support.simulation import make_study
from search.study.compared.starts import Start, start_warnings
from search.study.study import Study

DIGITS_TEST = "held out of the set's images by data.test_fraction: 0.2"
FOLDER_TEST = "fold 1 of 4 of train/, by data.folds and data.fold"


def study_of(folder: Path, **sections: Any) -> Study:
    trial = {
        "model": {"arch": "vit_micro", "init": {"source": "random"}},
        "data": {"name": "digits", "split_seed": 3},
        "prune": {"method": "dense", "schedule": {"states": 0}},
    }
    base = {
        "trial": trial,
        "arms": {"net": {}, "other": {"train.lr": 0.002}},
        "space": {"data.fold": {"grid": [1, 2, 3, 4]}},
        "search": {"algorithm": "grid"},
        "compare": {"baseline": "other"},
    }
    folds = {**base, "trial": {**trial, "data": {"name": "digits", "folds": 4}}}
    alone = {**base, "space": {"train.momentum": {"choice": [0.8, 0.9]}}, "search": {"trials_per_arm": 2}}
    chosen = alone if sections.pop("alone", False) else folds
    return make_study(folder, **{**chosen, **sections})


def data_of(name: str, test: str, train: int = 270, held: int = 130, digest: str = "d" * 64) -> dict[str, Any]:
    source = test.partition(" of ")[2].partition(" by ")[0] or "the set's training images"
    source = source.partition(" of ")[2].rstrip(",") if " of " in source else source
    splits = {"train": f"the rest of {source}", "val": "the set's own", "test": test}
    return {"name": name, "digest": digest, "sizes": {"train": train, "val": 50, "test": held}, "splits": splits}


def start(arm: str, ours: dict[str, Any], theirs: dict[str, Any] | None, verdict: str = "proven", **told: Any) -> Start:
    """`theirs`: what a pretraining of ours was trained on; None: published weights, or a partial start."""
    config = {"name": "main", "epochs": told.get("epochs", 6), "seed": told.get("seed", 0)}
    config |= {"train": {"lr": told.get("lr", 0.1), "threads": told.get("threads", 1)}}
    config |= {"data": {"name": ours["name"], "split_seed": told.get("split_seed", 0)}}
    made = {} if theirs is None else {"source_extra": {"pretrain": {"config": config, "data": theirs}}}
    extra = {"source_spec": {"num_classes": told.get("classes", 10)}, **made}
    provenance = {"origin": told.get("origin", "file:w"), "source_sha256": told.get("sha", arm), "extra": extra}
    provenance["spec"] = {"arch": told.get("arch", arm), "num_classes": 10}
    return Start(arm, {"verdict": verdict, "provenance": provenance}, ours)


CARS = data_of("cars", "the set's test images", train=900)


def digits(test: str = DIGITS_TEST, digest: str = "e" * 64) -> dict[str, Any]:
    return data_of("digits", test, digest=digest)


def test_equal_trainings_are_not_told_apart(tmp_path: Path) -> None:
    starts = [start("net", digits(), CARS), start("other", digits(), CARS, seed=5, threads=8)]
    assert start_warnings(study_of(tmp_path), starts) == []
    random = [start(arm, digits(), None, "random", origin="random") for arm in ("net", "other")]
    assert start_warnings(study_of(tmp_path), random) == []
    published = [start(arm, digits(), None, origin=f"timm:{arm}") for arm in ("net", "other")]
    assert start_warnings(study_of(tmp_path), published) == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"epochs": 4}, "other: proven, main on cars (900 images x 4 epochs)."),
        ({"lr": 0.2}, "the recipes of their pretraining differ in train.lr."),
        ({"verdict": "partial"}, "other: partial, main on cars (900 images x 6 epochs)."),
    ],
)
def test_arms_that_were_trained_unequally_are_named_with_how_they_differ(
    tmp_path: Path, told: dict[str, Any], words: str
) -> None:
    (line,) = start_warnings(study_of(tmp_path), [start("net", digits(), CARS), start("other", digits(), CARS, **told)])
    assert line.startswith("unequal starts: net: proven, main on cars (900 images x 6 epochs); other: ")
    assert words in line
    assert line.endswith("Their difference is one of these weights as well, not of the networks alone")


def test_a_partial_start_from_a_file_that_says_nothing_is_unequal_to_whole_weights(tmp_path: Path) -> None:
    partial = start("other", digits(), None, "partial")
    (line,) = start_warnings(study_of(tmp_path), [start("net", digits(), CARS), partial])
    assert "; other: partial, file:w." in line


def test_published_weights_of_one_network_under_two_tags_are_unequal(tmp_path: Path) -> None:
    starts = [start(arm, digits(), None, origin=f"timm:x.{arm}", arch="x") for arm in ("net", "other")]
    (line,) = start_warnings(study_of(tmp_path), starts)
    assert line.startswith("unequal starts: net: proven, timm:x.net; other: proven, timm:x.other")


def seen_by_pretraining(study: Study, ours: dict[str, Any], theirs: dict[str, Any], **told: Any) -> list[str]:
    return start_warnings(study, [start(arm, ours, theirs, **told) for arm in ("net", "other")])


def test_a_pretraining_on_the_set_that_is_cut_into_folds_saw_their_test_images(tmp_path: Path) -> None:
    fold = "fold 2 of 4 of the set's images, by data.folds and data.fold"
    (line,) = seen_by_pretraining(study_of(tmp_path), digits(fold), digits(digest="f" * 64))
    assert line.startswith(
        "the initial weights of net, other were pretrained on test images of this study: they come of "
    )
    assert f"digits (left out: {DIGITS_TEST}), and the study tests on {fold}; " in line
    # One fold left out is one of four.
    assert len(seen_by_pretraining(study_of(tmp_path), digits(fold), digits(fold))) == 1


def test_a_pretraining_that_left_out_the_same_images_saw_none(tmp_path: Path) -> None:
    study = study_of(tmp_path, alone=True)
    assert seen_by_pretraining(study, digits(), digits()) == []
    assert seen_by_pretraining(study, digits(), digits(digest="f" * 64), split_seed=3) == []
    assert len(seen_by_pretraining(study, digits(), digits(digest="f" * 64), split_seed=4)) == 1
    own = data_of("cars", "the set's test images", digest="f" * 64)
    assert seen_by_pretraining(study, own, CARS, split_seed=4) == []


def test_folders_of_as_many_images_and_classes_may_be_the_same(tmp_path: Path) -> None:
    study = study_of(tmp_path)
    ours = data_of("image_folder", FOLDER_TEST, train=270, held=130)
    val = {"train": "the rest of train/", "val": "held out of train/ by data.val_fraction: 0.1", "test": "val/"}
    theirs = {"name": "image_folder", "digest": "f" * 64, "sizes": {"train": 360, "val": 40, "test": 9}, "splits": val}
    (line,) = seen_by_pretraining(study, ours, theirs)
    assert "may have been pretrained on test images" in line
    assert "image_folder, whose 400 images in as many classes may be these (left out: val/)" in line
    assert seen_by_pretraining(study, ours, theirs, classes=12) == []
    assert seen_by_pretraining(study, ours, {**theirs, "sizes": {"train": 900, "val": 40, "test": 9}}) == []
