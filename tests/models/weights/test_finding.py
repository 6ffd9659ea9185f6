"""Where `source: pretrained` of TwistNet, its ablations and ResNet-18 looks, in which order, and what it says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import UserError, WeightsRefused
from models.networks.registry import resolve_spec
from models.networks.variants import VARIANTS
from models.weights.digest import file_digest
from models.weights.finding import Found, few_images_warning, find_pretrained
from models.weights.initial_weights import InitRequest, initial_weights
from models.weights.provenance import record_state, write_weights_file
from models.weights.registered import register_pretrained, registered_line
from tests.models.weights.cases import HUB_TAG, put_in_hub_cache, trained_state, weights_file

pytestmark = pytest.mark.usefixtures("narrow_twistnet")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository_weights: Path) -> Path:
    """A working folder and a store, both empty."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PRUNETUNE_STORE", str(tmp_path / "store"))
    return folder


def pretrained(
    folder: Path,
    arch: str = "twistnet18",
    *,
    name: str = "run",
    seed: int = 0,
    images: int = 100,
    epochs: int = 1,
    args: dict[str, Any] | None = None,
    file: str | None = None,
) -> Path:
    """A file such as a pretraining ends in."""
    spec = resolve_spec(arch, 10, 32, 3, args=args)
    state = trained_state(spec, seed)
    made = {"data": {"name": "image_folder", "sizes": {"train": images}}, "config": {"epochs": epochs}}
    provenance = record_state(
        state,
        spec,
        origin=f"pretrain:{name}",
        default_how="trained",
        mean=[0.3] * 3,
        std=[0.2] * 3,
        extra={"pretrain": made},
    )
    return write_weights_file(folder / (file or f"{name}.safetensors"), state, provenance)


@pytest.mark.parametrize("arch", ["twistnet18", *VARIANTS])
def test_each_place_is_found_and_the_first_one_taken(
    arch: str, here: Path, repository_weights: Path, tmp_path: Path
) -> None:
    finished = pretrained(tmp_path / "runs", arch)
    stored = register_pretrained(finished)
    assert stored.parent == tmp_path / "store"
    assert found(arch).path == stored
    assert "found by itself in the store" in found(arch).told
    project = pretrained(repository_weights, arch, file=f"{arch}_imagenet.safetensors")
    assert found(arch).path == project
    assert ", pretraining run on image_folder (100 images, 1 epochs), " in found(arch).told
    assert "the project's own weights/" in found(arch).told
    own = pretrained(here / "weights", arch, file=f"{arch}_imagenet.safetensors")
    assert found(arch).path == own
    assert "the working folder's weights/" in found(arch).told
    spec = resolve_spec(arch, 7, 32, 3)
    weights = initial_weights(spec, InitRequest("pretrained", path=str(own)), seed=0)
    assert weights.verdict == "proven"


def found(arch: str, args: dict[str, Any] | None = None) -> Found:
    return find_pretrained(arch, args)


def test_the_same_network_by_arguments_finds_the_same_file(here: Path, tmp_path: Path) -> None:
    stored = register_pretrained(pretrained(tmp_path / "runs", "twistnet18_no_ais"))
    assert found("twistnet18", {"no_ais": True}).path == stored
    by_arguments = pretrained(tmp_path / "runs", args={"no_spiral": True, "no_ais": False}, name="spiral")
    register_pretrained(by_arguments)
    assert found("twistnet18_no_spiral").path is not None
    named = pretrained(here / "weights", "twistnet18_no_ais", file="twistnet18_no_ais_imagenet.safetensors")
    assert found("twistnet18", {"no_ais": True}).path == named


def test_arguments_that_change_no_tensor_do_not_change_what_is_found(here: Path, tmp_path: Path) -> None:
    dropping = {"drop_path_rate": 0.1}
    plain = register_pretrained(pretrained(tmp_path / "runs", "timm:resnet18"))
    assert found("resnet18", dropping).path == plain
    other = register_pretrained(pretrained(tmp_path / "runs", "timm:resnet18", seed=1, epochs=9, args=dropping))
    assert found("resnet18").path == found("resnet18", dropping).path == other
    named = pretrained(here / "weights", "timm:resnet18", file="resnet18_imagenet.safetensors")
    assert found("resnet18", dropping).path == found("resnet18").path == named
    narrow = found("resnet18", {"block_args": {"reduce_first": 2}, "drop_rate": 0.1})
    assert narrow.path is None, "of other tensors it is another network"


def test_of_a_sha256_the_file_is_found_wherever_it_lies_and_no_other(here: Path, tmp_path: Path) -> None:
    wanted = register_pretrained(pretrained(tmp_path / "runs", epochs=1))
    newer = register_pretrained(pretrained(tmp_path / "runs", name="long", seed=1, epochs=90))
    own = pretrained(here / "weights", seed=2, file="twistnet18_imagenet.safetensors")
    digests = {path: file_digest(path) for path in (wanted, newer, own)}
    assert found("twistnet18").sha256 == digests[own]
    for path, digest in digests.items():
        one = find_pretrained("twistnet18", sha256=digest)
        assert (one.path, one.sha256) == (path, digest)
        assert str(path) in one.told
    wanted.rename(here / "weights" / "twistnet18_imagenet.safetensors")
    assert find_pretrained("twistnet18", sha256=digests[wanted]).path == own
    with pytest.raises(UserError, match="have the sha256") as caught:
        find_pretrained("twistnet18", sha256=digests[own])
    for words in (digests[own], f"{newer} ({digests[newer][:12]}…)", "model.init.path", "Put that file into one of"):
        assert words in str(caught.value)


def test_few_images_are_a_warning_only_beside_published_weights() -> None:
    def extra(images: object) -> dict[str, Any]:
        made = {"data": {"sizes": {"train": images}}, "config": {"epochs": 2}}
        return {"source_extra": {"pretrain": made}}

    (line,) = few_images_warning("resnet18", extra(640_000))
    assert "saw 1,280,000 images" in line
    assert "taken before the published timm:resnet18." in line
    assert few_images_warning("resnet18", extra(640_584)) == (), "as many as one epoch of ImageNet-1k"
    assert few_images_warning("resnet18", extra(None)) == few_images_warning("resnet18", {}) == ()
    assert few_images_warning("twistnet18", extra(10)) == ()


def test_a_network_without_a_name_is_found_in_the_store(here: Path, tmp_path: Path) -> None:
    args = {"no_ais": True, "no_spiral": True}
    pretrained(here / "weights", file="twistnet18_imagenet.safetensors")
    stored = register_pretrained(pretrained(tmp_path / "runs", args=args))
    assert found("twistnet18", args).path == found("twistnet18_no_ais", {"no_spiral": True}).path == stored


def test_none_is_one_error_that_says_where_was_looked_and_what_to_do(
    here: Path, repository_weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        found("twistnet18_no_spiral")
    message = str(caught.value)
    for words in (
        str(here / "weights" / "twistnet18_no_spiral_imagenet.safetensors"),
        str(repository_weights / "twistnet18_no_spiral_imagenet.safetensors"),
        str(tmp_path / "store"),
        "prunetune pretrain",
        "{source: path, path: FILE}",
        "model.init.source: random",
    ):
        assert words in message
    assert "\n" not in message


def test_another_ablations_weights_are_no_weights_of_this_one(here: Path, tmp_path: Path) -> None:
    register_pretrained(pretrained(tmp_path / "runs", "twistnet18_no_ais"))
    with pytest.raises(UserError, match="no weights for twistnet18"):
        found("twistnet18")
    path = pretrained(here / "weights", "twistnet18_no_ais", file="twistnet18_imagenet.safetensors")
    assert found("twistnet18").path == path
    with pytest.raises(WeightsRefused, match="weights of twistnet18_no_ais cannot become twistnet18 at"):
        initial_weights(resolve_spec("twistnet18", 10, 32, 3), InitRequest("pretrained", path=str(path)), seed=0)


def test_an_altered_file_is_taken_and_refused_and_not_passed_over(here: Path, tmp_path: Path) -> None:
    register_pretrained(pretrained(tmp_path / "runs"))
    path = pretrained(here / "weights", file="twistnet18_imagenet.safetensors")
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))
    assert found("twistnet18").path == path
    with pytest.raises(WeightsRefused, match="no longer matches its recorded sha256"):
        initial_weights(resolve_spec("twistnet18", 10, 32, 3), InitRequest("pretrained", path=str(path)), seed=0)


def test_of_several_in_the_store_the_one_that_saw_most_images_is_taken_and_the_others_are_named(tmp_path: Path) -> None:
    tried = register_pretrained(pretrained(tmp_path, name="tried", seed=1, images=100, epochs=2))
    whole = register_pretrained(pretrained(tmp_path, name="whole", seed=2, images=1000, epochs=600))
    cut = register_pretrained(pretrained(tmp_path, name="cut", seed=3, images=1000, epochs=300))
    one = found("twistnet18")
    assert one.path == whole
    assert "whole on image_folder (1,000 images, 600 epochs)" in one.told
    for other in (tried, cut):
        assert other.name in one.told.partition("Passed over")[2]


def test_of_equals_in_the_store_the_newest_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, date in enumerate(("2026-01-02", "2026-03-01", "2026-02-01")):
        spec = resolve_spec("twistnet18", 10, 32, 3)
        state = trained_state(spec, number)
        provenance = record_state(state, spec, origin="pretrain:again", default_how="trained")
        dated = provenance.__class__.from_json({**provenance.to_json(), "date": date})
        register_pretrained(write_weights_file(tmp_path / f"{number}.safetensors", state, dated))
    assert "2026-03-01" in found("twistnet18").told.partition("Passed over")[0]


def test_registering_twice_is_once_and_only_pretrainings_are_registered(tmp_path: Path) -> None:
    path = pretrained(tmp_path / "runs")
    stored = register_pretrained(path)
    assert stored == register_pretrained(path)
    assert (
        registered_line(path) == f"registered in the store, where source: pretrained of twistnet18 finds it: {stored}"
    )
    assert len(list((tmp_path / "store").iterdir())) == 1
    state = trained_state(resolve_spec("twistnet18", 10, 32, 3))
    foreign = record_state(state, resolve_spec("twistnet18", 10, 32, 3), origin="file:other.safetensors")
    with pytest.raises(UserError, match="no weights file of `prunetune pretrain`"):
        register_pretrained(write_weights_file(tmp_path / "other.safetensors", state, foreign))


def test_a_store_that_cannot_be_written_says_where_the_weights_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pretrained(tmp_path / "runs")
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PRUNETUNE_STORE", str(tmp_path / "file" / "store"))
    with pytest.raises(UserError, match="cannot be written") as caught:
        register_pretrained(path)
    assert str(path) in str(caught.value)
    assert registered_line(path).startswith("warning: not registered in the store: ")


def test_a_damaged_file_in_the_store_is_named(tmp_path: Path) -> None:
    stored = register_pretrained(pretrained(tmp_path / "runs"))
    stored.write_bytes(stored.read_bytes()[:100])
    with pytest.raises(UserError, match=f"cannot be read there: {stored}"):
        found("twistnet18")


def test_resnet18_takes_our_own_weights_before_the_published_ones_and_says_so(
    here: Path, tmp_path: Path, repository_weights: Path
) -> None:
    published = found("resnet18")
    assert published.path is None
    assert published.tag is not None
    assert published.tag.startswith("timm:resnet18.")
    assert f"took what timm publishes, {published.tag}" in published.told
    assert str(here / "weights" / "resnet18_imagenet.safetensors") in published.told
    stored = register_pretrained(pretrained(tmp_path / "runs", "timm:resnet18"))
    assert found("resnet18").path == stored


def test_a_tag_beside_other_networks_means_what_it_did(hub_cache: Path, here: Path) -> None:
    spec = resolve_spec(HUB_TAG, 10, 32, 3)
    put_in_hub_cache(hub_cache, trained_state(resolve_spec(HUB_TAG, 1000, 160, 3)))
    weights_file(here / "weights", spec)
    assert initial_weights(spec, InitRequest("pretrained"), seed=0).provenance.origin == HUB_TAG
