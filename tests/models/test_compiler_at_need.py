"""`torch._dynamo` stays unloaded where it would only be asked to leave functions alone, and is there for who compiles."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from models.compiler_at_need import Deferred, defer_compiler, disable, graph_break

TRAINS = """
import sys, models, torch
from models.networks.registry import build, resolve_spec
spec = resolve_spec("vit_micro", num_classes=10, img_size=8, in_chans=1)
model = build(spec)
optimizer = torch.optim.AdamW(model.parameters())
model(torch.zeros(2, 1, 8, 8)).sum().backward()
optimizer.step()
optimizer.load_state_dict(optimizer.state_dict())
heavy = [name for name in ("torch._dynamo.config", "torch._inductor", "sympy") if name in sys.modules]
assert not heavy, heavy
"""
COMPILES = """
import torch._dynamo.config
assert torch._dynamo.is_compiling() is False
assert sys.modules["torch._dynamo"] is torch._dynamo and torch._dynamo.__file__
from torch._dynamo.utils import counters
compiled = torch.compile(model, backend="eager")
assert torch.equal(compiled(torch.ones(2, 1, 8, 8)), model(torch.ones(2, 1, 8, 8)))
assert counters["stats"]["unique_graphs"] >= 1
optimizer.step()
"""


@pytest.mark.slow
def test_training_loads_no_compiler_and_compiling_does() -> None:
    done = subprocess.run([sys.executable, "-c", TRAINS + COMPILES], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_stand_in_has_the_true_modules_names(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch import fx

    monkeypatch.setattr("models.compiler_at_need.true_module", importlib.import_module)
    stand_in = Deferred("torch.fx")
    assert stand_in.Graph is fx.Graph
    with pytest.raises(AttributeError):
        _ = stand_in.nothing_of_that_name


def test_who_looks_through_all_modules_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = Deferred("no.such.module")
    assert not hasattr(stand_in, "__file__")
    monkeypatch.setattr("models.compiler_at_need.true_module", importlib.import_module)
    with pytest.raises(ModuleNotFoundError):
        _ = stand_in.anything


def test_functions_to_be_left_alone_stay_what_they_are() -> None:
    def function() -> int:
        return 3

    assert disable(function, recursive=False, reason="of the test") is function
    assert disable(recursive=False)(function) is function
    graph_break("of the test")


def test_a_compiler_that_is_loaded_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = type(sys)("torch._dynamo")
    monkeypatch.setitem(sys.modules, "torch._dynamo", loaded)
    defer_compiler()
    assert sys.modules["torch._dynamo"] is loaded
