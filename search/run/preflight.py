"""Everything that can be known to be wrong with a study before it runs: its rules, its data, its networks and their units,
its initial weights and its teachers. What is found of each arm is what its trials start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from models.errors import UserError
from models.units.structure import kinds_of
from search.run.possible.constraints import check_constraints
from search.run.possible.dense_recipe import check_dense_recipe
from search.run.possible.ends import Ends
from search.run.possible.levels import check_levels
from search.run.possible.machine import check_machine
from search.run.possible.networks import check_network
from search.run.possible.own_parts import parts_of_arm
from search.run.possible.probes import Probes
from search.run.possible.trackers import tracker_warnings
from search.run.possible.warm_start import warm_start_warnings
from search.study.arm import Arm, at_its_line
from search.study.compared.arms import arm_warnings
from search.study.compared.starts import Start, start_warnings
from search.study.corners import corner_values
from search.study.dense_recipe import DENSE_ARM, dense_study, with_any_recipe
from search.study.objective_rules import check_objective, objective_warnings
from search.study.penalty_rules import with_penalty_of_space
from search.study.study import Study
from trainables.config.trial import DataConfig, TrialConfig
from trainables.files.record import Identity

if TYPE_CHECKING:
    from trainables.prepare import Loader, Prepared


@dataclass(frozen=True)
class Checked:
    """`starting_points`: arm → its dense network's cost, weights and data; `warnings` are for people, one line each."""

    starting_points: dict[str, StartingPoint]
    warnings: tuple[str, ...]


Look = Callable[[str, "Prepared"], None]


def check_study(
    study: Study, *, begun: bool = False, look: Look | None = None, loader: Loader | None = None
) -> Checked:
    """All checks, the initial weights' proof included. UserError or WeightsRefused for the first mistake.

    `begun`: the study is that of a run with trials. `look` is shown what each arm's trials stand on. A `loader` keeps what
    was loaded, and its owner closes it.
    """
    from trainables.prepare import Loader

    with closing(Loader()) if loader is None else nullcontext(loader) as loading:
        warnings = check_request(study, begun=begun, loader=loading)
        starting_points = preflight(study, loading, look)
    told = told_once({arm: one.warnings for arm, one in starting_points.items()})
    starts = [Start(arm, one.weights, one.data) for arm, one in starting_points.items()]
    return Checked(starting_points, (*warnings, *start_warnings(study, starts), *told))


def told_once(warnings: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Arms' warnings: each once, behind the arms that it is about."""
    arms: dict[str, list[str]] = {}
    for arm, lines in warnings.items():
        for line in lines:
            arms.setdefault(line, []).append(arm)
    return (f"{', '.join(named)}: {line}" for line, named in arms.items())


def check_request(study: Study, *, begun: bool = False, loader: Loader | None = None) -> tuple[str, ...]:
    """Rules, this machine, data and networks of every arm, every outside teacher, and the weights of every network that the
    space may choose. `loader` has the teachers from then on.

    Returns warnings. UserError, with the line, for the first mistake; what a run that has `begun` asks in vain is a warning.
    """
    check_objective(study)
    check_machine(study)
    check_dense_recipe(study)
    proven: list[Any] = []
    for arm in study.arms.values():
        check_arm(study, arm, proven, loader)
    if study.search.state0 is not None:
        dense = dense_study(study)
        check_arm(dense, dense.arms[DENSE_ARM], proven, loader)
    return (
        *objective_warnings(study),
        *arm_warnings(study),
        *_reach_warnings(study, begun),
        *warm_start_warnings(study),
        *tracker_warnings(study, begun),
    )


def _reach_warnings(study: Study, begun: bool) -> list[str]:
    """About sizes that networks do not get to. UserError for one that none does; a run that has begun is only told."""
    ends = Ends(study)
    try:
        check_constraints(study, ends)
        return check_levels(study, ends)
    except UserError as error:
        if not begun:
            raise
        return [str(error)]


def check_arm(study: Study, arm: Arm, proven: list[Any] | None = None, loader: Loader | None = None) -> None:
    """One arm's data can be had, each network it may use exists and has the units that are to be removed, and each teacher
    knows the data's classes.

    `proven` are networks and data of other arms whose weights are proven already; this arm's are added.
    """
    proven = [] if proven is None else proven
    from trainables.config.own import own_parts
    from trainables.data import check_available, describe_data
    from trainables.data.network_spec import network_spec
    from trainables.prepare import Loader, load_weights
    from trainables.states.feasible import check_augment_of_state0

    loader = Loader() if loader is None else loader
    seen: list[Any] = []
    for values in corner_values(study, arm):
        config = arm.config(values)
        units, teacher = (kinds_of(config.prune.target), config.prune.method), config.train.distill.outside
        with at_its_line(arm, values):
            own = tuple(own_parts(config).values())
        asked = (config.model, config.data, *units, config.augment_of_state(0), teacher, own)
        if asked in seen:
            continue
        with at_its_line(arm, values):
            check_available(config.data)
            check_augment_of_state0(config)
            info = describe_data(config.data)
            check_network(config, spec := network_spec(config.model, info))
            loader.teachers.of(config, info)
            only_chosen = seen and all(asked[:2] != one[:2] for one in seen)
            # Of the first network, which the space need not choose, `preflight` proves the weights.
            if only_chosen and not config.prune.traits.from_scratch and asked[:2] not in proven:
                load_weights(config, spec)
                proven.append(asked[:2])
        seen.append(asked)


@dataclass(frozen=True)
class StartingPoint:
    """What an arm's trials stand on: `weights`, `data` and an outside teacher with their digests, the dense network's cost,
    warnings."""

    weights: dict[str, Any]
    data: dict[str, Any]
    dense: dict[str, Any]
    teacher: dict[str, Any] | None = None
    """None where nobody teaches but the trial's own dense network."""
    reach: str = ""
    """What the target can remove of the network and what stays, for people."""
    warnings: tuple[str, ...] = ()
    parts: dict[str, Any] | None = None
    """The user's own parts that its trials may use, by reference; None where there are none."""

    def to_json(self) -> dict[str, Any]:
        more = {"teacher": self.teacher, "parts": self.parts}
        told = {name: one for name, one in more.items() if one is not None}
        return {"weights": self.weights, "data": self.data, "dense": self.dense, **told}


def preflight(study: Study, loader: Loader | None = None, look: Look | None = None) -> dict[str, StartingPoint]:
    """Arm → what its trials stand on. WeightsRefused or UserError where one of them could not start.

    An arm's searched keys are set to one configuration of its space. The `scratch` control is left out: it starts from
    random weights, and its structure is not known yet.
    """
    from trainables.prepare import Loader

    study, probes = with_any_recipe(study), Probes()
    loader = Loader() if loader is None else loader
    found: dict[str, StartingPoint] = {}
    for name, arm in study.arms.items():
        if arm.traits.from_scratch:
            continue
        values = study.space.sample(name, seed=0)
        config = arm.config(values)
        with at_its_line(arm, values):
            prepared = _prepared(config, loader)
            start = _starting_point(config, prepared, probes)
            if look is not None:
                look(name, prepared)
        warnings = with_penalty_of_space(study, arm, config, start.warnings, partial(_train_images, config.data, start))
        found[name] = replace(start, warnings=warnings, parts=parts_of_arm(study, arm))
    return found


def _train_images(known: DataConfig, start: StartingPoint, wanted: DataConfig) -> int:
    """Training images of the data that a starting point has; those of other data are counted."""
    from trainables.data import load_data

    same = known.model_copy(update={key: getattr(wanted, key) for key in ("augment", "workers", "image_size")})
    if same == wanted:
        return int(start.data["sizes"]["train"])
    import torch

    return load_data(wanted, torch.device("cpu")).sizes["train"]


def _prepared(config: TrialConfig, loader: Loader) -> Prepared:
    from trainables.data import check_available, fetch_data
    from trainables.prepare import prepare

    fetch_data(config.data)
    check_available(config.data)
    # On the CPU: the driver must take no memory from the trials' GPUs.
    on_cpu = config.train.model_copy(update={"device": "cpu", "precision": "float32", "graph": "never"})
    return prepare(Identity("preflight"), config.model_copy(update={"train": on_cpu}), loader=loader)


def _starting_point(config: TrialConfig, prepared: Prepared, probes: Probes) -> StartingPoint:
    from models.networks.own import is_own
    from models.units.reach import reach_text

    header, warnings = prepared.header, prepared.warnings
    weights = {name: header["weights"][name] for name in ("digest", "verdict", "evidence", "provenance")}
    if weights["verdict"] != "random":
        probe = probes.of(config, prepared)
        weights["probe"] = probe.to_json()
        if not probe.wins:
            warnings += (
                f"the initial weights tell these images apart no better than random ones do (k-NN probe on {probe.images} "
                f"training images: {100 * probe.accuracy:.1f} %, {100 * probe.random_accuracy:.1f} % at random weights)",
            )
    data = {name: header["data"][name] for name in ("name", "digest", "sizes", "splits")}
    network = prepared.procedure.network
    reach = reach_text(config.prune.target, network.reach, why=is_own(network.spec.arch))
    return StartingPoint(weights, data, header["dense"], header.get("teacher"), reach, warnings)
