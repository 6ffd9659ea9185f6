"""The capacity of a cluster whose nodes come and go while a study runs on it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from search.run.preflight import Checked
from search.run.results import still_outstanding
from search.tuning.cluster.capacity import ClusterCapacity, ask_autoscaler
from search.tuning.cluster.nodes import refusals
from search.tuning.cluster.resources import Node, Share
from search.tuning.cluster.session import live_nodes
from search.tuning.gpu_memory.gpu_room import GpuRoom
from search.tuning.progress import Progress
from search.tuning.trial_queue import TrialQueue


def elastic_capacity(
    queue: TrialQueue, share: Share, room: GpuRoom, nodes: Sequence[Node], checked: Checked, progress: Progress
) -> ClusterCapacity:
    """`nodes` have been checked; each that joins is, before a trial is sent to it."""
    import ray

    run, study = queue.store.run, queue.study
    return ClusterCapacity(
        share,
        room,
        nodes,
        study.resources.max_concurrent,
        live=lambda: live_nodes(ray),
        check=lambda new: refusals(run, new, checked.starting_points),
        say=progress.say,
        wanted=lambda: still_outstanding(run, study, queue.store),
        ask=partial(ask_autoscaler, share, room),
    )
