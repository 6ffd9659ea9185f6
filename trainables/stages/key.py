"""The name of a stage: a digest of all that acted up to the end of a state.

Numbers are the same bit for bit only where all of it is: the contents of weights and data, the recipes of this state and of
those before, the seed, this code and the libraries, the device, its threads and number format.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from models.units.structure import BASIC, Structure
from models.versions import source_digest
from models.weights.digest import file_digest
from pruning.allocation import budget_counts
from pruning.catalogue import CRITERIA
from trainables.config.own import OF_EVENTS
from trainables.stages.recipe import Recipe, chained, digest_of, recipes_of
from trainables.states.procedure import Procedure
from trainables.states.unit_budget import kept_fractions

PACKAGES = ("models", "pruning", "trainables")
LIBRARIES = ("torch", "torchvision", "timm", "numpy", "pillow")
ENVIRONMENT = ("python", "processor", "gpu", "precision", "threads")
CHOOSING = ("ATEN_", "CUBLAS", "CUDNN_", "DNNL_", "MKL_", "NVIDIA_TF32", "ONEDNN_", "TORCH_ALLOW_TF32")
NOT_CHOOSING = ("MKL_NUM_THREADS",)
"""Threads are set by the trial."""
FORMAT = 1
"""Of the key and of what a stage's folder holds."""


def stage_keys(procedure: Procedure, header: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """A digest of all that a trial stands on before its first state, and the key of each of its states, in order.

    `procedure` has not begun yet; `header` is its record's first line.
    """
    begun_as = digest_of(facts_of(procedure, header))
    recipes = enumerate(recipes_of(procedure.config, procedure.epochs))
    settled = (
        _with_own_parts(_with_teacher(_with_counts(procedure, state, recipe), header), header)
        for state, recipe in recipes
    )
    return begun_as, chained(begun_as, settled)


def facts_of(procedure: Procedure, header: Mapping[str, Any]) -> dict[str, Any]:
    """What a trial stands on before its first state, as it was found and not as it was asked for."""
    data = header["data"]
    return {
        "format": FORMAT,
        "code": _code(),
        "plugins": _plugins(procedure) | _own(header, of_events=False),
        "libraries": {name: header["environment"]["libraries"].get(name) for name in LIBRARIES},
        "environment": {name: header["environment"][name] for name in ENVIRONMENT},
        "arithmetic": _arithmetic(),
        "graphs": procedure.graphs is not None,
        "weights": header["weights"]["digest"],
        "spec": header["spec"],
        "structure": _started_as(procedure.network.structure),
        "data": {name: data[name] for name in ("digest", "mean", "std", "classes", "sizes")},
        "images": procedure.data.version,
        "seed": procedure.config.seed,
    }


def _started_as(structure: Structure) -> dict[str, Any]:
    """What of the network is left before its first state. Kinds across blocks, which only some trials name, count where they
    have lost units."""
    groups = {name: group for name, group in structure.groups.items() if group.kind in BASIC or group.cut}
    return Structure(groups).to_json()


def _arithmetic() -> dict[str, Any]:
    """What decides which kernels compute: their instruction set, versions, and variables that choose among them."""
    variables = {
        name: value for name, value in os.environ.items() if name.startswith(CHOOSING) and name not in NOT_CHOOSING
    }
    return {
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "tf32": [torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32],
        "variables": variables,
    }


@cache
def _code() -> str:
    return source_digest(PACKAGES)


def _with_counts(procedure: Procedure, state: int, recipe: Recipe) -> Recipe:
    """The recipe with whole units to keep in place of fractions: two schedules may ask for the same."""
    event, prune = recipe.get("event", {}), procedure.config.prune
    if "kept" not in event or prune.widths == "imp" or prune.traits.masks:
        return recipe
    kept = kept_fractions(procedure.network, prune, procedure.method, procedure.config.event_of_state(state))
    counts = budget_counts(procedure.network.structure, kept, prune.scope, prune.min_kept)
    return {**recipe, "event": {**event, "kept": counts}}


def _with_teacher(recipe: Recipe, header: Mapping[str, Any]) -> Recipe:
    """The recipe with what an outside teacher is in place of where it lies."""
    distill = recipe["train"].get("distill", {})
    if "teacher" not in distill:
        return recipe
    found = {name: header["teacher"][name] for name in ("digest", "spec", "mean", "std")}
    return {**recipe, "train": {**recipe["train"], "distill": {**distill, "teacher": found}}}


def _with_own_parts(recipe: Recipe, header: Mapping[str, Any]) -> Recipe:
    """The recipe with what acts in its event of a user's own: other code of the same name is another part."""
    own = _own(header, of_events=True)
    return {**recipe, "event": {**recipe["event"], "own": own}} if own and "event" in recipe else recipe


def _own(header: Mapping[str, Any], *, of_events: bool) -> dict[str, str]:
    """Key → digest of a user's own parts, those of pruning events or all others."""
    parts = header.get("parts", {})
    return {key: origin["digest"] for key, origin in parts.items() if (key in OF_EVENTS) == of_events}


def _plugins(procedure: Procedure) -> dict[str, str]:
    """Module → digest of the source of a method or criterion that is registered from outside these packages."""
    prune = procedure.config.prune
    used = [prune.traits.planner, CRITERIA[prune.criterion_in_force].scorer]
    modules = {path.partition(":")[0] for path in used if isinstance(path, str)}
    outside = sorted(one for one in modules if one.partition(".")[0] not in PACKAGES)
    return {module: _source(module) for module in outside}


def _source(module: str) -> str:
    """Of the module, or of the whole package that it lies in: it may import its neighbours."""
    package = module.partition(".")[0]
    found = find_spec(package)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"{module}: its source is not there to be read")
    origin = Path(found.origin)
    return source_digest((package,), origin.parents[1]) if origin.name == "__init__.py" else file_digest(origin)
