"""Before a study starts any trial: each arm's data are there, its initial weights are what they say, its network can be cut."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import Any

from pruning.catalogue import traits_of
from search.checks import at_its_line
from search.study import Study
from trainables.config import TrialConfig
from trainables.record import Identity


@dataclass(frozen=True)
class Foundation:
    """What an arm's trials stand on: `weights` and `data` with their digests, the dense network's cost, warnings."""

    weights: dict[str, Any]
    data: dict[str, Any]
    dense: dict[str, Any]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"weights": self.weights, "data": self.data, "dense": self.dense}


def preflight(study: Study) -> dict[str, Foundation]:
    """Arm → what its trials stand on. WeightsRefused or UserError where one of them could not start.

    An arm's searched keys are set to one configuration of its space. The `scratch` control is left out: it starts from
    random weights, and its structure is not known yet.
    """
    found: dict[str, Foundation] = {}
    known: dict[str, Foundation] = {}
    for arm in study.arms:
        if traits_of(study.method(arm)).from_scratch:
            continue
        values = study.space.sample(arm, seed=0)
        config = study.trial_config(arm, values)
        key = config.model_dump_json()
        if key not in known:
            with at_its_line(study, arm, values):
                known[key] = _foundation(config)
        found[arm] = known[key]
    return found


def _foundation(config: TrialConfig) -> Foundation:
    from trainables.data import check_available, fetch_data
    from trainables.prepare import prepare
    from trainables.probe import probe_procedure

    fetch_data(config.data)
    check_available(config.data)
    # On the CPU: the driver must take no memory from the trials' GPUs.
    on_cpu = config.model_copy(
        update={"train": config.train.model_copy(update={"device": "cpu", "precision": "float32"})}
    )
    prepared = prepare(Identity("preflight"), on_cpu)
    header, warnings = prepared.header, prepared.warnings
    weights = {name: header["weights"][name] for name in ("digest", "verdict", "evidence", "provenance")}
    if weights["verdict"] != "random":
        probe = probe_procedure(prepared.procedure)
        weights["probe"] = probe.to_json()
        if not probe.wins:
            warnings += (
                f"the initial weights tell these images apart no better than random ones do (k-NN probe on {probe.images} "
                f"training images: {100 * probe.accuracy:.1f} %, {100 * probe.random_accuracy:.1f} % at random weights)",
            )
    del prepared
    gc.collect()
    data = {name: header["data"][name] for name in ("name", "digest", "sizes")}
    return Foundation(weights, data, header["dense"], warnings)
