"""A pretraining in processes that Ray Train starts, on this machine or on a cluster; the same code in each as without Ray.

Ray's own checkpoints and results are not used: the first process, which is on the driver's machine where that has room for it,
reads and writes the run's folder, and the others are told by it.
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import UserError, WorkFailed
from search.run.possible.cluster_address import cluster_address
from search.study.sections import ResourcesConfig
from search.tuning.cluster.resources import this_machine
from search.tuning.cluster.session import SESSION_PREFIX, ray_session, set_environment
from search.tuning.pretraining.places import Places, check_room
from search.tuning.pretraining.post import LOOKS_EVERY, Post, in_one_process
from trainables.config.pretrain import PretrainConfig
from trainables.pretraining.ending import PretrainResult
from trainables.pretraining.listener import Listener

SILENT_SECONDS = 30.0
"""After which it is told that no process has begun yet. They load for some ten."""


@dataclass
class _Heard:
    """What came by post, of whether it has begun, and how it ended."""

    begun: bool = False
    result: PretrainResult | None = None
    left: str | None = None
    failed: tuple[str, int] | None = None
    lost: str | None = None


def pretrain_through_ray(
    config: PretrainConfig, folder: Path, workers: int, address: str | None, listener: Listener
) -> PretrainResult:
    """In so many processes of `train.threads` processors each, and a GPU each where there are any and `train.device` takes
    one.

    Raises:
        UserError: there are not so many processors or GPUs, or what `pretrain` raises.
        WorkFailed: a process is gone.
        KeyboardInterrupt: the listener asked to leave.
    """
    resources = ResourcesConfig(address=address, cpus_per_trial=config.train.threads, max_concurrent=workers)
    set_environment(config.train.threads)
    if cluster_address(resources) is None:
        check_room(workers, config.train, (this_machine(),), "this machine")
    with ray_session(resources) as nodes:
        gpus = check_room(workers, config.train, nodes, "the cluster")
        # A Ray of our own has been given as many processors as processes, however many threads each of them has.
        own = cluster_address(resources) is None
        places = Places(workers, 1 if own else config.train.threads, gpus, nodes)
        folder.mkdir(parents=True, exist_ok=True)
        return _fitted(config, folder, places, listener)


def _fitted(config: PretrainConfig, folder: Path, places: Places, listener: Listener) -> PretrainResult:
    import ray
    from ray import train
    from ray.train.torch import TorchConfig, TorchTrainer

    labels = places.labels(ray.get_runtime_context().get_node_id())
    post = ray.remote(num_cpus=0)(Post).remote()
    prefix = f"{SESSION_PREFIX}{os.getpid()}-train-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as storage:
        asked = {
            "config": config.model_dump(mode="json", exclude_unset=True),
            "folder": str(folder.resolve()),
            "post": post,
        }
        trainer = TorchTrainer(
            in_one_process,
            train_loop_config=asked,
            torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if places.gpus else "gloo"),
            scaling_config=train.ScalingConfig(  # type: ignore[call-arg]  # the one that is typed is version 1's
                num_workers=places.workers,
                use_gpu=places.gpus,
                resources_per_worker=places.resources(),
                label_selector=labels,
            ),
            run_config=train.RunConfig(
                name="pretraining", storage_path=storage, failure_config=train.FailureConfig(max_failures=0)
            ),
        )
        heard = _Heard()
        error = _followed(trainer.fit, post, listener, heard, places)
    return _outcome(heard, error)


def _followed(fit: Callable[[], Any], post: Any, listener: Listener, heard: _Heard, places: Places) -> Exception | None:
    """Run it while what comes by post is handed on; gives the error that it ended with.

    KeyboardInterrupt where the listener asks to leave before any process has begun.
    """
    import ray

    errors: list[Exception] = []

    def work() -> None:
        try:
            fit()
        except Exception as error:
            errors.append(error)

    # Not in the main thread, which hears signals: Ray would take them, and abort the processes amid a step.
    thread = threading.Thread(target=work, name="ray train", daemon=True)
    thread.start()
    asked, tell_at = False, time.monotonic() + SILENT_SECONDS
    while True:
        thread.join(LOOKS_EVERY)
        is_over = not thread.is_alive()
        for kind, content in ray.get(post.taken.remote()):
            _hand_on(kind, content, listener, heard)
        if is_over:
            return errors[0] if errors else None
        if not heard.begun and time.monotonic() >= tell_at:
            tell_at = math.inf
            listener.tell(f"waiting for Ray to start {places.text()}; others may be using the processors or GPUs")
        if listener.leaves() and not asked:
            asked = True
            if not heard.begun:
                raise KeyboardInterrupt("the same command begins where this one did")
            ray.get(post.ask_to_leave.remote())


def _hand_on(kind: str, content: Any, listener: Listener, heard: _Heard) -> None:
    if kind in ("epoch", "tell"):
        getattr(listener, kind)(content)
    elif kind in ("start", "step"):
        getattr(listener, kind)(*content)
    elif kind == "result":
        heard.result = PretrainResult(
            **{**content, "path": Path(content["path"]), "history": tuple(content["history"])}
        )
    elif kind == "failed":
        # Where several fail, the first to say so is the one that began.
        heard.failed = heard.failed or content
    else:
        setattr(heard, kind, content)


def _outcome(heard: _Heard, error: Exception | None) -> PretrainResult:
    if heard.failed is not None:
        text, status = heard.failed
        raise WorkFailed(text) if status == WorkFailed.exit_status else UserError(text)
    if heard.left is not None:
        raise KeyboardInterrupt(heard.left)
    if heard.lost is not None:
        raise WorkFailed(heard.lost)
    if error is not None:
        last = str(error).strip().splitlines()[-1][:300]
        raise WorkFailed(
            f"Ray Train has ended the processes ({last}); the same command goes on from the last checkpoint"
        )
    if heard.result is None:
        raise WorkFailed("Ray Train has ended without a result; the same command goes on from the last checkpoint")
    return heard.result
