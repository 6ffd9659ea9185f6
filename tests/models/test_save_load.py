from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import models
from models.errors import UserError
from models.save_load import HEADER_KEY, build_compact, load, load_parts, save
from models.spec import ModelSpec
from models.units.base import dense_structure
from models.units.compaction import compact
from models.units.describe import describe
from models.units.structure import Structure
from tests.models.networks import NETWORKS, images_for, random_structure, spec_of, trained_looking


def saved(path: Path, name: str = "vit_micro", empty: bool = False) -> tuple[torch.nn.Module, ModelSpec, Structure]:
    spec = spec_of(name)
    model = trained_looking(spec).float()
    structure = random_structure(describe(model), seed=31, empty=empty)
    compact(model, structure)
    save(path, model.state_dict(), spec, structure, {"note": "ünder test", "accuracy": 0.75})
    return model.eval(), spec, structure


@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_loaded_network_is_bit_for_bit_the_saved_one(name: str, tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    model, spec, structure = saved(path, name, empty=True)
    loaded = load(path)
    assert not loaded.training
    images = images_for(spec).float()
    assert torch.equal(loaded(images), model(images))
    assert torch.equal(loaded.train()(images), model.train()(images))
    assert dense_structure(describe(loaded)).counts() == structure.counts()


def test_parts_carry_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    model, spec, structure = saved(path)
    parts = load_parts(path)
    assert parts.spec == spec
    assert parts.structure == structure
    assert parts.metadata == {"note": "ünder test", "accuracy": 0.75}
    assert parts.state.keys() == model.state_dict().keys()
    assert all(torch.equal(parts.state[name], value) for name, value in model.state_dict().items())


def test_the_header_is_json_that_others_can_read(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    _, spec, structure = saved(path)
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"][HEADER_KEY]
    assert json.loads(header)["spec"] == spec.to_json()
    assert Structure.from_json(json.loads(header)["structure"]) == structure


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    saved(tmp_path / "a.safetensors")
    saved(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_the_package_loads_models_by_one_name(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    saved(path)
    assert type(models.load(str(path))).__name__ == "VisionTransformer"


def test_views_that_share_storage_are_saved(tmp_path: Path) -> None:
    spec = spec_of("vit_micro")
    model = trained_looking(spec).float()
    state = dict(model.state_dict())
    state["norm.bias"] = state["norm.weight"][:]
    save(tmp_path / "m.safetensors", state, spec, dense_structure(describe(model)), {})
    assert torch.equal(load(tmp_path / "m.safetensors").norm.bias, state["norm.weight"])


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    model, spec, structure = saved(path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        save(path, model.state_dict(), spec, structure, {"not json": object()})
    with pytest.raises(ValueError, match="JSON"):
        save(path, model.state_dict(), spec, structure, {"loss": float("nan")})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["small.safetensors"]


def test_building_compact_leaves_the_global_generator_alone() -> None:
    spec = spec_of("vit_micro")
    structure = dense_structure(describe(trained_looking(spec)))
    state = torch.get_rng_state()
    build_compact(spec, structure)
    assert torch.equal(state, torch.get_rng_state())


def test_a_structure_of_another_architecture_is_one_clear_line() -> None:
    structure = dense_structure(describe(trained_looking(spec_of("vit_tiny"))))
    with pytest.raises(UserError, match="vit_micro: the structure belongs to another network"):
        build_compact(spec_of("vit_micro"), structure)


def _missing(path: Path) -> None:
    path.unlink()


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _text(path: Path) -> None:
    path.write_text("hello")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _without_header(path: Path) -> None:
    save_file(load_file(path), path)


def _with_header(path: Path, header: str) -> None:
    save_file(load_file(path), path, metadata={HEADER_KEY: header})


def _broken_header(path: Path) -> None:
    _with_header(path, '{"format": 1, "spec": {}}')


def _later_format(path: Path) -> None:
    _with_header(path, '{"format": 99}')


def _missing_tensor(path: Path) -> None:
    header = load_parts(path)
    state = {name: value for name, value in header.state.items() if name != "norm.weight"}
    save(path, state, header.spec, header.structure, {})


def _other_structure(path: Path) -> None:
    parts = load_parts(path)
    groups = dense_structure(describe(trained_looking(parts.spec)))
    save(path, parts.state, parts.spec, groups, {})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_missing, "no such model file"),
        (_truncated, "damaged"),
        (_text, "damaged"),
        (_empty, "damaged"),
        (_without_header, "without the header key"),
        (_broken_header, "header cannot be read"),
        (_later_format, "format 99, expected 1"),
        (_missing_tensor, "norm.weight"),
        (_other_structure, "size mismatch"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_one_clear_line(damage, words: str, tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    saved(path)
    damage(path)
    with pytest.raises(UserError) as caught:
        load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
