"""Which trials of a study begin with the same dense network, what share of its epochs that is, and what would raise it.

Two trials of one seed share their state 0 where all that decides it is equal (`trainables/stages/recipe.py`): network, initial
weights, data and split, how state 0 trains and for how many epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from statistics import fmean
from typing import Any

from search.config_file import key_tree
from search.run.plan import ArmPlan, plan_of
from search.space.space import defaults
from search.study.arm import Arm
from search.study.claims import seed_of_recipe
from search.study.corners import configurations_by_parameter
from search.study.dense_recipe import DENSE_ARM, dense_study, with_any_recipe
from search.study.replicates import STRIDE
from search.study.study import Study
from trainables.config.train import State0Config
from trainables.config.trial import TrialConfig
from trainables.stages.recipe import recipes_of, shared_by_all_states

EPOCHS = "train.state0.epochs"
Flat = dict[str, Any]
Span = tuple[int, int]
"""Fewest and most, over the corners of the space."""


@dataclass(frozen=True)
class DenseStart:
    """Arms whose trials begin with one dense network for each seed, or would with a recipe of its own for state 0."""

    arms: tuple[str, ...]
    searched: tuple[str, ...]
    """Searched keys that change state 0."""
    patched: tuple[str, ...]
    """Other keys in which the arms' states 0 differ. Neither: state 0 is one for each seed."""
    own_recipe: bool
    """Whether `train.state0` says anything."""
    recipe: dict[str, Any]
    """What `train.state0` would have to say as well, with values to begin from."""
    beyond: tuple[str, ...]
    """Keys that no recipe makes equal, such as a searched `data.fold`."""
    epochs: Span
    epochs_of_trial: Span
    trials: int
    dense_networks: int
    """With how many dense networks the trials begin, where it is one for each seed."""
    spared_epochs: float
    """Epochs of these trials that another of them trains already."""

    @property
    def is_shared(self) -> bool:
        return not self.searched and not self.patched


@dataclass(frozen=True)
class SoughtFirst:
    """What `search.state0` does before the arms."""

    keys: tuple[str, ...]
    trials: int
    epochs: Span
    """Of a trial."""


@dataclass(frozen=True)
class DenseStarts:
    """Of a whole study. `epochs` are those of all its arms' trials, as if none were stopped early."""

    starts: tuple[DenseStart, ...]
    epochs: float
    sought: SoughtFirst | None = None

    @property
    def spared_epochs(self) -> float:
        return sum((one.spared_epochs for one in self.starts), 0.0)

    def to_json(self) -> dict[str, Any]:
        starts = [asdict(one) for one in self.starts]
        sought = self.sought and asdict(self.sought)
        return {"epochs": self.epochs, "spared_epochs": self.spared_epochs, "starts": starts, "sought_first": sought}


@dataclass(frozen=True)
class _OfArm:
    """An arm's trials. `corners`: the key of a searched parameter, or nothing, and configurations with it at each corner."""

    arm: Arm
    seeds: tuple[tuple[int, int], ...]
    """Replicate and seed of every trial."""
    corners: tuple[tuple[str, tuple[TrialConfig, ...]], ...]

    @property
    def configs(self) -> list[TrialConfig]:
        return [config for _, configs in self.corners for config in configs]

    @cached_property
    def decided_by(self) -> list[tuple[str, list[Flat]]]:
        return [(key, [decides_state0(config) for config in configs]) for key, configs in self.corners]

    @property
    def searched(self) -> list[str]:
        return [key for key, found in self.decided_by if any(one != found[0] for one in found)]

    @property
    def flats(self) -> list[Flat]:
        return [one for _, found in self.decided_by for one in found]

    @property
    def epochs(self) -> float:
        return len(self.seeds) * fmean(sum(config.epochs_of_states()) for config in self.configs)


def dense_starts(study: Study) -> DenseStarts:
    """Of the arms that prune a dense network; those that share a state 0, or could, are told together."""
    study = with_any_recipe(study)
    found = [_of_arm(study, arm) for arm in study.arms.values()]
    pruning = [one for one in found if not one.arm.traits.from_scratch and any(config.states for config in one.configs)]
    loose = {key for one in pruning for key in _varying(one.flats)}

    def firm(one: _OfArm) -> Flat:
        return {key: value for key, value in one.flats[0].items() if key not in loose and in_state0(key) is None}

    groups = _grouped(pruning, firm)
    return DenseStarts(tuple(map(_told, groups)), sum(one.epochs for one in found), _sought_first(study))


def _sought_first(study: Study) -> SoughtFirst | None:
    if study.search.state0 is None:
        return None
    dense = [dense_study(study, index) for index in range(study.search.replicates)]
    arm = dense[0].arms[DENSE_ARM]
    epochs = [
        config.epochs_of_states()[0] for _, configs in configurations_by_parameter(dense[0], arm) for config in configs
    ]
    trials = sum(len(plan.search_ids) for one in dense for plan in plan_of(one))
    return SoughtFirst(dense[0].searched_keys, trials, _span(epochs))


def decides_state0(config: TrialConfig) -> Flat:
    """All that state 0 follows from, by the key of the trial that says it."""
    recipe = recipes_of(config)[0]
    of_state = {"train": recipe["train"], "data": {"augment": recipe["augment"]}, "measure": recipe["measure"]}
    tree = key_tree.merged(shared_by_all_states(config), of_state)
    return dict(key_tree.leaves(tree)) | {EPOCHS: recipe["epochs"]}


def _of_arm(study: Study, arm: Arm) -> _OfArm:
    seeds = [seed for plan in plan_of(study) if plan.arm == arm.name for seed in _seeds(study, arm, plan)]
    corners = [(key, tuple(configs)) for key, configs in configurations_by_parameter(study, arm)]
    return _OfArm(arm, tuple(seeds), tuple(corners))


def _seeds(study: Study, arm: Arm, plan: ArmPlan) -> Iterator[tuple[int, int]]:
    own = int(arm.value("seed") or 0) + STRIDE * plan.replicate
    for number in range(plan.configurations):
        of_recipe = seed_of_recipe(study, number)
        for seed in plan.seeds:
            yield plan.replicate, next(one for one in (seed, of_recipe, own) if one is not None)
    for seed in plan.confirm_seeds * plan.recipes:
        yield plan.replicate, seed


def _told(group: Sequence[_OfArm]) -> DenseStart:
    flats = [flat for one in group for flat in one.flats]
    varying, searched = _varying(flats), {key for one in group for key in _varying(one.flats)}
    settled = {key: said for key in varying if (said := in_state0(key)) is not None}
    configs = [config for one in group for config in one.configs]
    seeds = [seed for one in group for seed in one.seeds]
    return DenseStart(
        arms=tuple(one.arm.name for one in group),
        searched=tuple(dict.fromkeys(key for one in group for key in one.searched)),
        patched=tuple(key for key in varying if key not in searched),
        own_recipe=any(config.train.state0 != State0Config() for config in configs),
        recipe=key_tree.with_keys({}, {said: _suggested(group[0].arm, key, flats) for key, said in settled.items()}),
        beyond=tuple(key for key in varying if key not in settled),
        epochs=_span(flat[EPOCHS] for flat in flats),
        epochs_of_trial=_span(sum(config.epochs_of_states()) for config in configs),
        trials=len(seeds),
        dense_networks=len(set(seeds)),
        spared_epochs=float(sum(map(_spared, _alike(group)))),
    )


def _alike(group: Iterable[_OfArm]) -> list[list[_OfArm]]:
    """Arms that share their state 0 as things stand."""
    return _grouped((one for one in group if not _varying(one.flats)), lambda one: one.flats[0])


def _grouped(arms: Iterable[_OfArm], key: Callable[[_OfArm], Flat]) -> list[list[_OfArm]]:
    """Arms of equal keys together, in their order."""
    groups: list[tuple[Flat, list[_OfArm]]] = []
    for one in arms:
        own = key(one)
        group = next((group for known, group in groups if known == own), None)
        if group is None:
            groups.append((own, [one]))
        else:
            group.append(one)
    return [group for _, group in groups]


def _spared(alike: Sequence[_OfArm]) -> int:
    seeds = [seed for one in alike for seed in one.seeds]
    return int(alike[0].flats[0][EPOCHS]) * (len(seeds) - len(set(seeds)))


def _varying(flats: Sequence[Flat]) -> list[str]:
    keys = dict.fromkeys(key for flat in flats for key in flat)
    return [key for key in keys if any(flat.get(key) != flats[0].get(key) for flat in flats)]


def in_state0(key: str) -> str | None:
    """Where `train.state0` says what stands at a key of the trial; None where it cannot."""
    for section in ("train.state0.", "train.", "data."):
        inner = key.removeprefix(section)
        if inner != key and inner.partition(".")[0] in State0Config.model_fields:
            return inner
    return None


def _suggested(arm: Arm, key: str, flats: Sequence[Flat]) -> Any:
    """What the study file has at the key, else the default, where the space allows it; else one of its middle."""
    given = [flat[key] for flat in flats if key in flat]
    seen = [value for place, value in enumerate(given) if value not in given[:place]]
    are_numbers = all(isinstance(value, int | float) for value in seen)
    allowed = sorted(seen) if are_numbers else seen
    for value in (arm.value(key), key_tree.get(defaults(), key)):
        if value in allowed or (are_numbers and isinstance(value, int | float) and allowed[0] <= value <= allowed[-1]):
            return value
    return allowed[len(allowed) // 2]


def _span(counts: Iterable[int]) -> Span:
    found = list(counts)
    return min(found), max(found)
