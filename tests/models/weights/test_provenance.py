import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from models.errors import UserError
from models.weights.provenance import HEADER_KEY, Provenance, content_name, record_state, write_weights_file
from models.weights.weights_file import read_provenance, read_weights_file
from tests.models.weights.cases import small_spec, trained_state, weights_file


def test_a_written_file_gives_back_its_state_and_provenance(tmp_path: Path) -> None:
    spec = small_spec()
    state = trained_state(spec)
    provenance = record_state(
        state, spec, origin="pretrain:x", hows={"pos_embed": ("resampled", "a → b")}, mean=[0.3], std=[0.2]
    )
    path = write_weights_file(tmp_path, state, provenance)
    read = read_weights_file(path)
    assert read.provenance == provenance
    assert all(torch.equal(read.state[name], tensor) for name, tensor in state.items())
    assert read_provenance(path) == provenance
    assert provenance.report.resampled == ("pos_embed",)
    assert provenance.report.counts() == {"copied": len(state) - 1, "resampled": 1, "reinitialised": 0}


def test_the_name_follows_from_the_content(tmp_path: Path) -> None:
    spec = small_spec()
    first, second = (record_state(trained_state(spec, seed), spec, origin="x") for seed in (0, 1))
    assert content_name(first) == f"vit_micro-28px-p4-1ch-10c-{first.digest[:12]}.safetensors"
    assert content_name(first) != content_name(second)
    assert weights_file(tmp_path, spec).name == content_name(first)


def test_the_header_is_plain_json_in_the_safetensors_metadata(tmp_path: Path) -> None:
    with safe_open(str(weights_file(tmp_path, small_spec())), framework="pt") as handle:
        header = json.loads(handle.metadata()[HEADER_KEY])
    assert header["origin"] == "pretrain:test"
    assert set(header["versions"]) >= {"torch", "timm"}
    assert json.loads(json.dumps(Provenance.from_json(header).to_json())) == header


def test_a_provenance_of_another_state_is_not_written(tmp_path: Path) -> None:
    spec = small_spec()
    state = trained_state(spec)
    provenance = record_state(state, spec, origin="x")
    with pytest.raises(ValueError, match="pos_embed"):
        write_weights_file(tmp_path, {**state, "pos_embed": state["pos_embed"] + 1}, provenance)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spec = small_spec()
    state = trained_state(spec)
    with pytest.raises(UserError, match="cannot be written"):
        write_weights_file(tmp_path / "file" / "store", state, record_state(state, spec, origin="x"))
