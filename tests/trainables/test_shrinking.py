"""RSST within one state, step by step: phases, strength, and the step at which the drop set goes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from models.cost import prunable_parameters
from tests.trainables.small_trials import open_trial
from trainables.states.procedure import Procedure


def in_state_one(folder: Path, **rsst: float) -> Procedure:
    """A trial that has just begun state 1, of 10 steps."""
    trial = open_trial(
        folder, data={"train_limit": 80}, train={"batch_size": 16}, prune={"method": "rsst", "rsst": rsst}
    )
    while trial.procedure.position.state == 0:
        trial.step()
    trial.procedure.start_state()
    return trial.procedure


@pytest.mark.parametrize(
    ("ramp", "hold", "expected"),
    [(0.5, 0.2, "rrrrrhh..."), (0.5, 0.0, "rrrrr....."), (1.0, 0.0, "rrrrrrrrrr"), (0.1, 0.9, "rhhhhhhhhh")],
)
def test_each_step_is_in_its_phase(tmp_path: Path, ramp: float, hold: float, expected: str) -> None:
    shrinking = in_state_one(tmp_path, ramp=ramp, hold=hold).running.shrinking
    letters = {"ramp": "r", "hold": "h", "recover": "."}
    assert "".join(letters[shrinking.phase(step)] for step in range(10)) == expected
    assert [shrinking.strength(step) > 0 for step in range(10)] == [letter != "." for letter in expected]
    assert [step for step in range(10) if shrinking.removes_after(step)] == [len(expected.rstrip(".")) - 1]


def test_the_penalty_alone_leaves_the_asked_share_of_every_tied_parameter_and_touches_no_other(tmp_path: Path) -> None:
    procedure = in_state_one(tmp_path, ramp=0.5, hold=0.0, shrink=0.01)
    network, dropped = procedure.network, procedure.position.chosen()
    assert {name.rpartition(".")[2] for name in dropped} == {"attn", "mlp"}
    before = network.snapshot()
    for step in range(5):
        procedure.running.shrinking.before_step(step)
        procedure.running.shrinking.on_weights()
    shrunk = 0
    owned = {name: torch.zeros_like(tensor, dtype=torch.bool) for name, tensor in before.items()}
    for group in network.groups():
        for tied in group.slices:
            rows = tied.index[list(dropped.get(group.name, ()))].flatten()
            owned[tied.tensor].index_fill_(tied.dim, rows, True)
    for name, tensor in network.model.state_dict().items():
        assert torch.equal(tensor[~owned[name]], before[name][~owned[name]]), name
        assert torch.allclose(tensor[owned[name]], 0.01 * before[name][owned[name]], rtol=1e-4, atol=0), name
        shrunk += int(owned[name].sum())
    touched = {name.split(".", 2)[2] for name in owned if owned[name].any()}
    assert touched == {f"{layer}.{key}" for layer in ("attn.qkv", "mlp.fc1") for key in ("weight", "bias")} | {
        "attn.proj.weight",
        "mlp.fc2.weight",
    }
    left = prunable_parameters(network.model)
    network.remove(dropped)
    assert prunable_parameters(network.model) == left - shrunk
