"""How many trials share a GPU under `resources.gpus_per_trial: auto`: as many as fit at their peak, and never more blindly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from search.run.possible.cluster_address import cluster_address
from search.study.study import Study
from search.tuning.cluster.resources import TRIALS_PER_GPU, Node, Share, share_of
from search.tuning.gpu_memory.costliest import costliest
from search.tuning.gpu_memory.measuring import Unmeasured, measure
from trainables.config.trial import TrialConfig

if TYPE_CHECKING:
    from trainables.peak_memory import Peak

USABLE = 0.9
"""Of a GPU's memory: what is left over is for fragments, and for what a few steps do not show."""
GIGABYTE = 1e9

Measure = Callable[[TrialConfig, int], "Peak | Unmeasured"]


class Telling(Protocol):
    """What is said while it goes on."""

    def say(self, text: str) -> None: ...

    def stage(self, text: str) -> None: ...


def trials_that_fit(peak: Peak | Unmeasured) -> int:
    """On one GPU at once; one where there is no figure."""
    if isinstance(peak, Unmeasured):
        return 1
    return max(1, min(TRIALS_PER_GPU, int(USABLE * peak.total / peak.taken)))


def share_with_room(
    study: Study, nodes: Sequence[Node], share: Share, telling: Telling, measure: Measure = measure
) -> Share:
    """`share`, or a larger one of the GPUs where trials would not fit beside each other, by the arm that takes the most. A
    number in `gpus_per_trial` stands as it is, and where each trial has a GPU to itself nothing is measured."""
    if study.resources.gpus_per_trial != "auto" or not 0 < share.gpus < 1:
        return share
    telling.stage("measuring the GPU memory of one trial of each arm")
    # A session of ours has one for each trial, whatever that is given.
    cpus = 1 if cluster_address(study.resources) is None else share.cpus
    found: list[tuple[int, str, Peak | Unmeasured]] = []
    for arm, config in costliest(study):
        peak = measure(config, cpus)
        found.append((trials_that_fit(peak), arm, peak))
        if isinstance(peak, Unmeasured):
            break  # it is one trial to a GPU, whatever the others take
    if not found:
        return share
    fit, arm, peak = min(found, key=lambda one: (one[0], *_least_room(one[2])))
    roomy = share_of(study.resources, nodes, fit)
    telling.say(line_of(arm, peak, round(1 / roomy.gpus)))
    return roomy


def _least_room(peak: Peak | Unmeasured) -> tuple[float]:
    return (-1.0,) if isinstance(peak, Unmeasured) else (peak.total / peak.taken,)


def line_of(arm: str, peak: Peak | Unmeasured, trials: int) -> str:
    """What is told: `trials` share a GPU, since one of the arm takes so much."""
    shared = f"{trials} trials share a GPU" if trials > 1 else "each trial has a GPU to itself"
    if isinstance(peak, Unmeasured):
        return f"what one trial of {arm} takes of a GPU's memory could not be measured ({peak.why}): {shared}"
    taken, total = (f"{one / GIGABYTE:.1f}" for one in (peak.taken, peak.total))
    return f"one trial of {arm} takes {taken} GB of a GPU's {total} GB at its peak: {shared}"
