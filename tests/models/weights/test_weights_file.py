import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models.errors import WeightsRefused
from models.weights.weights_file import read_weights_file
from tests.models.weights.cases import small_spec, trained_state, weights_file


@pytest.mark.parametrize("wrap", [None, "state_dict", "model", "model_state_dict"])
def test_pytorch_files_are_read_nested_or_not(tmp_path: Path, wrap: str | None) -> None:
    state = trained_state(small_spec())
    content: Any = state if wrap is None else {wrap: state, "epoch": 3, "lr": 0.1}
    path = tmp_path / "checkpoint.pth.tar"
    torch.save(content, path)
    read = read_weights_file(path)
    assert read.provenance is None
    assert all(torch.equal(read.state[name], tensor) for name, tensor in state.items())


def test_the_old_pytorch_format_is_read(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(read_weights_file(tmp_path / "old.pth").state["a"], torch.ones(2))


def test_a_foreign_safetensors_file_has_no_provenance(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, str(tmp_path / "a.safetensors"))
    assert read_weights_file(tmp_path / "a.safetensors").provenance is None


class Runs:
    """A pickle that would create a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    torch.save({"state_dict": {"a": torch.ones(2)}, "args": Runs(trap)}, tmp_path / "trap.pt")
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(Runs(trap), protocol=2))
    for name in ("trap.pt", "trap.pkl"):
        with pytest.raises(WeightsRefused) as refusal:
            read_weights_file(tmp_path / name)
        assert "\n" not in str(refusal.value)
    assert not trap.exists()


def damaged_files(folder: Path) -> dict[str, tuple[Path, str]]:
    whole = weights_file(folder, small_spec())
    torch_file = folder / "whole.pt"
    torch.save(trained_state(small_spec()), torch_file)
    legacy = folder / "legacy.pt"
    torch.save(trained_state(small_spec()), legacy, _use_new_zipfile_serialization=False)
    contents = {
        "empty": (b"", "empty"),
        "text": (b"not weights at all, but prose of some length", "truncated or damaged"),
        "half a safetensors file": (whole.read_bytes()[: whole.stat().st_size // 2], "truncated"),
        "half a header": (whole.read_bytes()[:300], "truncated"),
        "half a PyTorch file": (torch_file.read_bytes()[: torch_file.stat().st_size // 2], "truncated"),
        "half an old PyTorch file": (legacy.read_bytes()[: legacy.stat().st_size // 2], "damaged"),
    }
    cases = {}
    for number, (name, (data, words)) in enumerate(contents.items()):
        path = folder / f"damaged{number}"
        path.write_bytes(data)
        cases[name] = (path, words)
    for name, content in {"no tensors": {}, "a list": [torch.ones(1)], "numbers": {"a": 1}}.items():
        path = folder / name.replace(" ", "_")
        torch.save(content, path)
        cases[name] = (path, "no tensors" if name == "no tensors" else "expected")
    return cases


def test_damaged_files_are_refused_in_one_line_with_the_remedies(tmp_path: Path) -> None:
    for name, (path, words) in damaged_files(tmp_path).items():
        with pytest.raises(WeightsRefused) as refusal:
            read_weights_file(path)
        message = str(refusal.value)
        assert words in message, name
        assert str(path) in message, name
        assert "\n" not in message, name
        for remedy in ("prunetune init fetch", "model.init.path", "source: random"):
            assert remedy in message, name


def test_a_header_that_is_not_ours_in_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    for header in ("{", "[]", '{"format": 99}', '{"format": 1}'):
        save_file({"a": torch.ones(2)}, str(path), metadata={"provenance": header})
        with pytest.raises(WeightsRefused, match="provenance header cannot be read"):
            read_weights_file(path)


@pytest.mark.parametrize("low_byte", [0x80, 0x50])
def test_a_safetensors_header_may_be_as_long_as_another_formats_mark(tmp_path: Path, low_byte: int) -> None:
    path = tmp_path / "a.safetensors"
    for filler in range(0, 512, 8):
        save_file({"a": torch.ones(2)}, str(path), metadata={"note": "x" * filler})
        if path.read_bytes()[0] == low_byte:
            break
    assert path.read_bytes()[0] == low_byte
    assert torch.equal(read_weights_file(path).state["a"], torch.ones(2))
