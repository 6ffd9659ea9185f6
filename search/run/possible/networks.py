"""What is asked of the network of a configuration before a study runs: it is built, its units are found, and where parts of it
are a user's own, these do once what trials will ask of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.errors import UserError
from models.spec import ModelSpec
from models.units.structure import kinds_of
from trainables.config.trial import TrialConfig

if TYPE_CHECKING:
    from torch import nn

    from models.units.base import UnitGroup

IMAGES = 4
"""Of noise, that a user's own network and criterion are tried on."""


def check_network(config: TrialConfig, spec: ModelSpec) -> None:
    """UserError where the network cannot be had, or has not the units that are to be removed; where a user's own network does
    not take the study's images, or a criterion of a user's own does not score its units."""
    import torch

    from models.networks.own import is_own
    from models.networks.registry import build
    from models.targets import check_target
    from models.units.describe import describe
    from pruning.catalogue import CRITERIA

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build(spec)
        if is_own(spec.arch):
            _try_network(model, spec)
        groups = describe(model, kinds_of(config.prune.target))
        if config.prune.traits.needs_units:
            check_target(config.prune.target, config.model.arch, model, groups)
        if is_own(spec.arch) and config.prune.traits.ends_small:
            _try_removal(config, spec, model, groups)
        if CRITERIA.is_own(config.prune.criterion_in_force) and config.prune.traits.makes_smaller:
            _try_criterion(config, spec, model, groups)


def _try_network(model: nn.Module, spec: ModelSpec, after: str = "") -> None:
    import torch

    from models.own_parts import users_error

    images = torch.randn(IMAGES, *spec.input_shape)
    what = f"{spec.arch}: its forward pass of images {tuple(images.shape)}{after}"
    try:
        with torch.no_grad():
            logits = model.eval()(images)
    except Exception as error:
        raise UserError(f"{what} failed: {users_error(error)}; correct it there", key="model.arch") from error
    expected = (IMAGES, spec.num_classes)
    if not isinstance(logits, torch.Tensor) or tuple(logits.shape) != expected:
        shape = f"shape {tuple(logits.shape)}" if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise UserError(f"{what} gave {shape}, expected logits of shape {expected}", key="model.arch")
    if not bool(logits.isfinite().all()):
        wrong = logits[~logits.isfinite()][0].item()
        raise UserError(
            f"{what} gave {wrong} among its logits, expected finite numbers; correct it there, or how its weights begin",
            key="model.arch",
        )


def _try_removal(config: TrialConfig, spec: ModelSpec, model: nn.Module, groups: tuple[UnitGroup, ...]) -> None:
    """A unit of each group of the target goes, and the network still works: what is described wrongly fails now, and not after
    the epochs of state 0."""
    from copy import deepcopy

    from models.units.base import dense_structure
    from models.units.compaction import remove
    from models.units.describe import own_plan

    kinds, smaller = kinds_of(config.prune.target), deepcopy(model)
    gone = {group.name: (group.count - 1,) for group in groups if group.kind in kinds and group.count > 1}
    names = ", ".join(gone)
    try:
        remove(smaller, dense_structure(groups), gone)
    except (ValueError, RuntimeError, IndexError) as error:
        raise UserError(
            f"{spec.arch}: a unit of {names} cannot be removed: {' '.join(str(error).split())}; correct its units()",
            key="model.arch",
        ) from error
    _try_network(smaller, spec, f" without the last unit of {names}")
    if config.prune.min_kept == 0 and own_plan(model) is not None:
        _try_without_any(spec, deepcopy(model), {group.name: group for group in groups if group.kind in kinds})


def _try_without_any(spec: ModelSpec, model: nn.Module, groups: dict[str, UnitGroup]) -> None:
    """What passes units on in a user's own network, such as pooling, may not work where none are left."""
    from models.units.base import dense_structure
    from models.units.compaction import remove

    try:
        remove(model, dense_structure(groups.values()), {name: range(group.count) for name, group in groups.items()})
        _try_network(model, spec, " without any units")
    except (UserError, ValueError, RuntimeError, IndexError) as error:
        said = error.text if isinstance(error, UserError) else " ".join(str(error).split())
        raise UserError(
            f"found 0, but {spec.arch} needs units in each group: {said}; make it 1", key="prune.min_kept"
        ) from error


def _try_criterion(config: TrialConfig, spec: ModelSpec, model: nn.Module, groups: tuple[UnitGroup, ...]) -> None:
    import torch
    from torch.nn import functional

    from pruning.importance import score

    kinds = kinds_of(config.prune.target)
    labels = torch.arange(IMAGES) % spec.num_classes
    score(
        config.prune.criterion_in_force,
        model.eval(),
        [group for group in groups if group.kind in kinds],
        batches=[(torch.randn(IMAGES, *spec.input_shape), labels)],
        loss=functional.cross_entropy,
        generator=torch.Generator().manual_seed(0),
        masks={name: torch.ones_like(parameter) for name, parameter in model.named_parameters()},
    )
