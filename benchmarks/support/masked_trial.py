"""A trial as one writes it without prunetune: a loop over states around PyTorch's own pruning, which masks and removes nothing.

The baseline of `benchmarks.trial` and `benchmarks.study`. Data, network, schedule and number of units are the trial's own, and
the units to go are those of the smallest magnitude; what differs is how it is done: masks through `torch.nn.utils.prune`, an
optimiser as PyTorch makes it by default, and nothing taken over from another trial.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.utils import prune

from benchmarks.support.bare_step import bare_step
from models.networks.registry import build
from models.units.base import UnitGroup
from models.units.describe import describe
from models.units.structure import kinds_of
from pruning.schedules import unit_count
from pruning.unit_sums import unit_sums
from trainables.config.trial import TrialConfig
from trainables.data import Data, load_data
from trainables.data.network_spec import network_spec
from trainables.prepare import load_weights, normalisation
from trainables.training.learning_rate import learning_rates

EVALUATION_BATCH = 256


def masked_trial(config: TrialConfig, report: Callable[[float], None]) -> float:
    """All states of a trial on the CPU; `report` is told validation accuracy in [0, 1] after every epoch.

    Returns that of the test split at the last state's end.
    """
    torch.set_num_threads(config.train.threads)
    device = torch.device("cpu")
    data = load_data(config.data, device)
    spec = network_spec(config.model, data.info)
    weights = load_weights(config, spec)
    data = data.normalised(*normalisation(weights, data))
    model = build(spec)
    model.load_state_dict(weights.state)
    groups = [group for group in describe(model) if group.kind in kinds_of(config.prune.target)]
    kept = {group.name: torch.ones(group.count, dtype=torch.bool) for group in groups}
    test = 0.0
    for state, epochs in enumerate(config.epochs_of_states()):
        if state:
            _mask(model, groups, kept, config, state)
        _train(model, data, config, epochs, report)
        test = _accuracy(model, data, "test")
    return test


def _mask(
    model: nn.Module, groups: list[UnitGroup], kept: dict[str, torch.Tensor], config: TrialConfig, state: int
) -> None:
    """Mask the smallest units of each group down to the schedule's count."""
    _for_good(model)
    sums = unit_sums(model, groups, torch.abs)
    for group in groups:
        share = config.prune.schedule.kept_fraction(group.kind, state)
        count = unit_count(group.count, share, 1, int(kept[group.name].sum()))
        order = sums[group.name].masked_fill(~kept[group.name], -1.0).argsort(descending=True)
        kept[group.name] = torch.zeros(group.count, dtype=torch.bool).index_fill(0, order[:count], True)
        for tied in group.slices:
            if tied.is_parameter:
                _mask_tensor(model, tied.tensor, tied.dim, tied.index[~kept[group.name]].flatten())


def _mask_tensor(model: nn.Module, name: str, dim: int, gone: torch.Tensor) -> None:
    module, _, parameter = name.rpartition(".")
    layer = model.get_submodule(module)
    mask = torch.ones_like(getattr(layer, parameter)).index_fill(dim, gone, 0.0)
    prune.custom_from_mask(layer, parameter, mask)  # type: ignore[no-untyped-call]


def _for_good(model: nn.Module) -> None:
    """The last event's masks become zeros in the weights, so that one mask a tensor is enough."""
    for module in model.modules():
        for name in [
            key.removesuffix("_orig") for key, _ in module.named_parameters(recurse=False) if key.endswith("_orig")
        ]:
            prune.remove(module, name)  # type: ignore[no-untyped-call]


def _train(model: nn.Module, data: Data, config: TrialConfig, epochs: int, report: Callable[[float], None]) -> None:
    train = config.train
    steps = epochs * data.steps_per_epoch(train.batch_size)
    rates = learning_rates(train.schedule, train.lr, steps)
    optimiser = torch.optim.AdamW(model.parameters(), lr=train.lr, betas=train.betas, weight_decay=train.weight_decay)
    step = 0
    for epoch in range(epochs):
        model.train()
        for images, labels in data.train_batches(train.batch_size, epoch, config.data.augment):
            bare_step(model, optimiser, rates[step], images, labels, train.clip_grad_norm)
            step += 1
        report(_accuracy(model, data, "val"))


@torch.no_grad()
def _accuracy(model: nn.Module, data: Data, part: str) -> float:
    model.eval()
    batches = data.eval_batches(part, EVALUATION_BATCH)
    right = [(model(images).argmax(1) == labels).sum().item() for images, labels in batches]
    return sum(right) / data.sizes[part]
