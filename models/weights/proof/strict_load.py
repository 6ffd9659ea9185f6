"""Holding a state against a network, strictly, and loading it with a check of every tensor."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.networks.native import head_names
from models.weights.proof.fingerprints import part_of
from models.weights.provenance import How

COUNTER = ".num_batches_tracked"
# Heads of other checkpoints of the same families, for files whose class count or head differs from ours.
OTHER_HEADS = ("head.", "fc.", "head_dist.", "classifier.")
SHOWN = 4

Hows = dict[str, tuple[How, str]]


def mismatch_evidence(source: Mapping[str, Tensor], model: nn.Module) -> tuple[str, ...]:
    """What keeps `source` from being, strictly, the weights of `model`; empty if nothing does.

    The classifier may differ or be absent, since it is replaced, and counters of BatchNorm may be absent.
    """
    target = model.state_dict()
    head = head_names(model)
    missing = [name for name in target if name not in source and name not in head and not name.endswith(COUNTER)]
    extra = [name for name in source if name not in target and not name.startswith(OTHER_HEADS)]
    prefix = _common_prefix(missing, extra)
    if prefix:
        return (f"every tensor name starts with {prefix!r}, which this network's names do not; save it without that",)
    findings = []
    if missing:
        parts = _in_parts(missing)
        findings.append(f"{len(missing)} of {len(target)} tensors are missing: {some(missing)} (in {parts})")
    if extra:
        findings.append(f"{len(extra)} tensors belong to another architecture: {some(extra)}")
    for name, tensor in target.items():
        if name in source and name not in head and source[name].shape != tensor.shape:
            found = tuple(source[name].shape)
            findings.append(f"{name} has shape {found}, expected {tuple(tensor.shape)}")
    return tuple(findings)


def load_strictly(source: Mapping[str, Tensor], model: nn.Module) -> Hows:
    """Load a source for which `mismatch_evidence` is empty, and verify that every tensor arrived as it was.

    Returns what stayed as it was built: a classifier or counters that the source does not hold.
    """
    own = model.state_dict()
    fitting = {name: source[name] for name in own if name in source and source[name].shape == own[name].shape}
    left: Hows = {name: ("reinitialised", "not in the source") for name in own if name not in fitting}
    model.load_state_dict({**own, **fitting}, strict=True)
    loaded = model.state_dict()
    for name, tensor in fitting.items():
        if not torch.equal(loaded[name], tensor):
            raise AssertionError(f"{name} differs from its source after loading")
    return left


def _common_prefix(missing: list[str], extra: list[str]) -> str | None:
    """What stands before the names that are missing, if nearly all of them are there behind one prefix."""
    if not missing:
        return None
    counts: dict[str, int] = {}
    wanted = set(missing)
    for name in extra:
        pieces = name.split(".")
        for cut in range(1, len(pieces)):
            if ".".join(pieces[cut:]) in wanted:
                prefix = ".".join(pieces[:cut]) + "."
                counts[prefix] = counts.get(prefix, 0) + 1
    if not counts:
        return None
    best = max(counts, key=lambda prefix: counts[prefix])
    return best if counts[best] >= 0.9 * len(missing) else None


def _in_parts(names: list[str]) -> str:
    return some(list(dict.fromkeys(part_of(name) for name in names)))


def some(names: list[str]) -> str:
    """The first few of a list, and how many more there are."""
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
