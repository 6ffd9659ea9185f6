"""A pretraining in processes that Ray Train starts, on this machine or on a cluster; the same code in each as without Ray.

Ray's own checkpoints and results are not used: the first process, which is on the driver's machine where that has room for it,
reads and writes the run's folder, and the others are told by it.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import UserError, WorkFailed
from search.run.possible.cluster_address import cluster_address
from search.study.sections import ResourcesConfig
from search.tuning.cluster.resources import Node, this_machine
from search.tuning.cluster.session import SESSION_PREFIX, ray_session, set_environment
from search.tuning.pretraining.post import LOOKS_EVERY, Post, in_one_process
from trainables.config.pretrain import PretrainConfig
from trainables.pretraining.ending import PretrainResult
from trainables.pretraining.listener import Listener


@dataclass
class _Heard:
    """What came by post, of how it ended."""

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
        _check_room(workers, config, (this_machine(),), "this machine")
    with ray_session(resources) as nodes:
        gpus = _check_room(workers, config, nodes, "the cluster")
        # A Ray of our own has been given as many processors as processes, however many threads each of them has.
        own = cluster_address(resources) is None
        places = _Places(workers, 1 if own else config.train.threads, gpus, nodes)
        folder.mkdir(parents=True, exist_ok=True)
        return _fitted(config, folder, places, listener)


@dataclass(frozen=True)
class _Places:
    """Where the processes may be: so many of `cpus` each, and a GPU each or none, on these machines."""

    workers: int
    cpus: int
    gpus: bool
    nodes: tuple[Node, ...]

    def labels(self, own_node: str) -> list[dict[str, str]] | None:
        """What each process asks of its machine: the first one the driver's, where that has room for it. Ray numbers
        processes by the order of their machines, and the first one writes the run's folder."""
        own = next((node for node in self.nodes if node.id == own_node), None)
        if own is None or own.cpus < self.cpus or (self.gpus and own.gpus < 1):
            return None
        return [{"ray.io/node-id": own_node}, *[{}] * (self.workers - 1)]

    def resources(self) -> dict[str, float]:
        """Of each process."""
        return {"CPU": self.cpus, **({"GPU": 1} if self.gpus else {})}


def _check_room(workers: int, config: PretrainConfig, nodes: tuple[Node, ...], where: str) -> bool:
    """UserError where the processes do not fit; whether each has a GPU."""
    threads, gpus = config.train.threads, sum(int(node.gpus) for node in nodes)
    places = sum(int(node.cpus // threads) for node in nodes)
    if workers > places:
        raise UserError(
            f"--workers {workers}: {where} has room for {places} processes of {threads} processors (train.threads); ask for "
            "fewer of either"
        )
    if config.train.device == "cpu" or (config.train.device == "auto" and gpus == 0):
        return False
    if workers > gpus:
        raise UserError(
            f"--workers {workers}: {where} has {gpus} GPUs, and each process takes one; ask for at most {gpus}"
        )
    return True


def _fitted(config: PretrainConfig, folder: Path, places: _Places, listener: Listener) -> PretrainResult:
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
        error = _followed(trainer.fit, post, listener, heard)
    return _outcome(heard, error)


def _followed(fit: Callable[[], Any], post: Any, listener: Listener, heard: _Heard) -> Exception | None:
    """Run it while what comes by post is handed on; gives the error that it ended with."""
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
    asked = False
    while True:
        thread.join(LOOKS_EVERY)
        is_over = not thread.is_alive()
        for kind, content in ray.get(post.taken.remote()):
            _hand_on(kind, content, listener, heard)
        if is_over:
            return errors[0] if errors else None
        if listener.leaves() and not asked:
            asked = True
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
