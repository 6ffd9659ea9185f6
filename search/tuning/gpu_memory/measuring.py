"""A trial's peak of memory, measured in a process of its own that has a GPU of the cluster to itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.tuning.cluster.waiting import never, unanswered
from trainables.config.own import config_to_run
from trainables.config.trial import TrialConfig

if TYPE_CHECKING:
    from trainables.peak_memory import Counters, Peak

PATIENCE = 600.0
"""Seconds for loading libraries, data and weights, and for the steps."""


@dataclass(frozen=True)
class Unmeasured:
    """Why there is no figure, as a clause."""

    why: str


FULL = Unmeasured("its GPU's memory did not do for it alone")


def peak_in_process(config: dict[str, Any], counters: Counters | None = None) -> Peak | None:
    """Done where there is a GPU."""
    from trainables.peak_memory import peak_memory

    return peak_memory(config_to_run(config), counters)


def measure(
    config: TrialConfig,
    cpus: int,
    *,
    gpus: float = 1,
    counters: Counters | None = None,
    stop: Callable[[], bool] = never,
) -> Peak | Unmeasured:
    """By a task that is given `cpus` and `gpus` of some node; Ray ends its process, and its hold on the GPU, with it. Without a
    figure once `stop` says that the study is being left."""
    import ray

    task: Any = ray.remote(max_calls=1)(peak_in_process)
    options = {"num_cpus": cpus, "num_gpus": gpus, "max_retries": 0}
    question = task.options(**options).remote(config.model_dump(mode="json"), counters)
    if unanswered([question], PATIENCE, stop):
        ray.cancel(question, force=True)
        return Unmeasured("the study is being left" if stop() else f"it was not done within {PATIENCE:g} s")
    try:
        peak: Peak | None = ray.get(question)
    except ray.exceptions.RayTaskError as error:
        return Unmeasured(f"{type(error.cause).__name__}: {str(error.cause).strip().splitlines()[0]}")
    except ray.exceptions.RayError as error:
        return Unmeasured(str(error).strip().splitlines()[0])
    return FULL if peak is None else peak
