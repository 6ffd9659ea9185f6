"""Everything a trial stands on, made ready and checked before its first step: data, weights, network, teacher, header."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from models.errors import UserError
from models.save_load import LoadedModel, load_parts
from models.spec import ModelSpec
from models.units.reach import unreached_warning
from models.weights.finding import few_images_warning
from models.weights.initial_weights import InitialWeights, InitRequest, initial_weights
from pruning.methods import get_method
from trainables.config.found import with_found
from trainables.config.own import own_parts, parts_json
from trainables.config.trial import DataConfig, TrialConfig
from trainables.data import Data, load_data
from trainables.data.network_spec import network_spec
from trainables.files.environment import environment
from trainables.files.record import Identity
from trainables.files.remote.at_need import fetched
from trainables.found_weights import find_weights
from trainables.seeds import derive
from trainables.states.feasible import (
    check_augment_of_state0,
    check_batches,
    check_macs_target,
    check_scratch_source,
    unheeded,
)
from trainables.states.network import Network
from trainables.states.penalty_effect import penalty_warnings
from trainables.states.procedure import Procedure
from trainables.states.running_state import TRAINING_COST
from trainables.teaching.teachers import Teachers
from trainables.training.graphs import graph_warnings, graphs_for
from trainables.training.precision import resolve_device, resolve_precision


@dataclass(frozen=True)
class Prepared:
    """`header` is the record's first line; `warnings` are for people."""

    procedure: Procedure
    header: dict[str, Any]
    warnings: tuple[str, ...]


class Loader:
    """Loads data and proves weights, and keeps the last of each for the next configuration that asks for the same; teachers are
    all kept."""

    def __init__(self, store: Path | None = None) -> None:
        self.teachers = Teachers()
        self._store = store
        self._data: tuple[Any, Data] | None = None
        self._weights: tuple[Any, InitialWeights] | None = None

    def data(self, config: DataConfig, device: torch.device) -> Data:
        asked = (config, device)
        if self._data is None or self._data[0] != asked:
            self.close()  # not two of them in memory
            self._data = None
            self._data = asked, load_data(config, device)
        return self._data[1]

    def close(self) -> None:
        """End the processes that load images, if there are any."""
        if self._data is not None:
            self._data[1].close()

    def weights(self, config: TrialConfig, spec: ModelSpec, *, from_scratch: bool) -> InitialWeights:
        asked = (config.model.init, config.seed, spec, from_scratch)
        if self._weights is None or self._weights[0] != asked:
            self._weights = None
            self._weights = asked, load_weights(config, spec, from_scratch=from_scratch, store=self._store)
        return self._weights[1]


def prepare(
    identity: Identity, config: TrialConfig, *, store: Path | None = None, loader: Loader | None = None
) -> Prepared:
    """Load data and proven weights and build the dense network of a trial; nothing is trained yet.

    What `loader` holds already is not loaded again; weights that the configuration leaves to be found are looked for.
    Raises UserError for what the request got wrong, WeightsRefused for weights that are not what they claim.
    """
    config = with_found(config, find_weights([config], store=store))
    parts = own_parts(config)
    device = resolve_device(config.train.device)
    precision = resolve_precision(config.train.precision, device)
    torch.set_num_threads(config.train.threads)
    if device.type == "cuda":
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    recipes = [config.train_of_state(state) for state in range(min(config.states + 1, 2))]
    graphs = graphs_for(recipes, device, precision)
    check_augment_of_state0(config)
    loader = Loader(store) if loader is None else loader
    data = loader.data(config.data, device)
    method = get_method(config.prune.method)
    source = _scratch_source(config) if method.traits.from_scratch else None
    spec = network_spec(config.model, data.info)
    teacher = loader.teachers.of(config, data.info)
    weights = loader.weights(config, spec, from_scratch=method.traits.from_scratch)
    mean, std = normalisation(weights, data)
    own, data = data, data.normalised(mean, std)
    network = Network.dense(spec, weights.state, config.prune, device)
    check_batches(config, data, network)
    check_macs_target(config, method, network)
    if source is not None:
        check_scratch_source(config, source, network)
        network.restrict(source.structure)
    procedure = Procedure(
        config=config,
        method=method,
        data=data,
        network=network,
        initial=weights.state,
        epochs=_epochs(config, source, network, data),
        device=device,
        precision=precision,
        graphs=graphs,
    )
    teaching = None if teacher is None else loader.teachers.before(teacher, config, own, data, device)
    if teaching is not None:
        procedure.teach(teaching.network)
    unreached = unreached_warning(config.prune.target, network.reach) if config.prune.traits.needs_units else ()
    warnings = (
        *weights.warnings,
        *(() if teaching is None else teaching.warnings),
        *data.warnings(),
        *unreached,
        *unheeded(config, method),
        *graph_warnings(graphs, recipes),
        *penalty_warnings(config, method, procedure.epochs, procedure.steps_per_epoch(1)),
    )
    header = _header(identity, procedure, weights, warnings)
    taught = {} if teaching is None else {"teacher": teaching.header}
    of_user = {"parts": parts_json(parts)} if parts else {}
    return Prepared(procedure, {**header, **taught, **of_user}, warnings)


def load_weights(
    config: TrialConfig, spec: ModelSpec, *, from_scratch: bool = False, store: Path | None = None
) -> InitialWeights:
    """The trial's initial weights, judged; the `scratch` control starts from random ones whatever `model.init` says."""
    seed = derive(config.seed, "initial weights")
    if from_scratch:
        return initial_weights(spec, InitRequest("random"), seed=seed)
    init = with_found(config, find_weights([config], store=store)).model.init
    path = None if init.path is None else str(init.path)
    request = InitRequest(init.source, path, init.tag, init.start, init.sha256)
    if init.found is None:
        return initial_weights(spec, request, seed=seed, store=store)
    try:
        weights = initial_weights(spec, request, seed=seed, store=store)
    except UserError as error:
        told = f"{error.text} ({init.found})"
        raise (error.retold(told) if error.key is None else error.about(error.key, told)) from None
    few = few_images_warning(config.model.arch, weights.provenance.extra)
    return replace(weights, evidence=(init.found, *weights.evidence), warnings=(*weights.warnings, *few))


def normalisation(weights: InitialWeights, data: Data) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and standard deviation the weights were trained with, else those of the training images.

    One value stands for every channel, and several average to one where the network was adapted to grey images.
    """
    mean, std = weights.provenance.mean, weights.provenance.std
    if not mean or not std:
        return data.mean, data.std
    return _per_channel(mean, data.info.in_chans), _per_channel(std, data.info.in_chans)


def _per_channel(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    if len(values) == channels:
        return tuple(values)
    return (sum(values) / len(values),) * channels


def _scratch_source(config: TrialConfig) -> LoadedModel:
    file = config.prune.scratch.file
    if file is None:
        raise UserError(
            "missing; method scratch takes the structure of a state file "
            "(a study fills it in from prune.scratch.arm, once that arm's trials have ended)",
            key="prune.scratch.file",
        )
    return load_parts(fetched(file))


def _epochs(config: TrialConfig, source: LoadedModel | None, network: Network, data: Data) -> tuple[int, ...]:
    """Epochs of each state; the scratch control has one state, as long as its source in epochs or in training MACs."""
    if source is None:
        return config.epochs_of_states()
    if config.prune.scratch.match == "epochs":
        return (int(source.metadata["epochs"]),)
    per_epoch = TRAINING_COST * network.macs() * data.sizes["train"]
    return (max(1, round(float(source.metadata["training_macs"]) / per_epoch)),)


def _header(
    identity: Identity, procedure: Procedure, weights: InitialWeights, warnings: tuple[str, ...]
) -> dict[str, Any]:
    config, data = procedure.config, procedure.data
    return {
        "identity": identity.to_json(),
        "config": config.model_dump(mode="json"),
        "weights": {
            "digest": weights.digest,
            "verdict": weights.verdict,
            "evidence": list(weights.evidence),
            "warnings": list(weights.warnings),
            "provenance": weights.provenance.summary(),
        },
        "data": {
            "name": data.info.name,
            "digest": data.digest,
            "sizes": dict(data.sizes),
            "splits": dict(data.splits),
            "classes": data.info.num_classes,
            "mean": list(data.mean),
            "std": list(data.std),
        },
        "spec": procedure.network.spec.to_json(),
        "units": procedure.network.structure.total_of_kind(),
        "dense": {
            "macs": procedure.network.dense_macs,
            **procedure.network.reach.to_json(),
        },
        "epochs_of_states": list(procedure.epochs),
        "warnings": list(warnings),
        "environment": environment(procedure.device, procedure.precision, config.train.threads),
    }
