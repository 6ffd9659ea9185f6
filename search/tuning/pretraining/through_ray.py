"""A pretraining in processes that Ray Train starts, on this machine or on a cluster; the same code in each as without Ray.

Ray's own checkpoints and results are not used: the first process, which is on the driver's machine, reads and writes the run's
folder, and the others are told by it.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.errors import UserError, WorkFailed
from search.run.possible.cluster_address import cluster_address
from search.study.sections import ResourcesConfig
from search.tuning.cluster.resources import Node, this_machine
from search.tuning.cluster.session import SESSION_PREFIX, ray_session, set_environment
from trainables.config.pretrain import PretrainConfig
from trainables.pretraining.listener import Listener
from trainables.pretraining.processes import EndedElsewhere
from trainables.pretraining.run import PretrainResult, pretrain

LOOKS_EVERY = 0.5
"""Seconds between two looks of driver and first process at what the other has to say."""


class Post:
    """Between the driver and the first process, in a process of its own: what that one says, and whether it is to leave."""

    def __init__(self) -> None:
        self._told: list[tuple[str, Any]] = []
        self._leaves = False

    def tell(self, kind: str, content: Any) -> None:
        self._told.append((kind, content))

    def taken(self) -> list[tuple[str, Any]]:
        told, self._told = self._told, []
        return told

    def ask_to_leave(self) -> None:
        self._leaves = True

    def leaves(self) -> bool:
        return self._leaves


class ByPost:
    """The first process's side: a Listener's functions that write to the driver, steps no more often than one can read."""

    def __init__(self, post: Any) -> None:
        self._post, self._shown, self._asked, self._leaves = post, 0.0, 0.0, False

    def listener(self) -> Listener:
        return Listener(
            epoch=lambda line: self.tell("epoch", line),
            tell=lambda text: self.tell("tell", text),
            start=lambda *numbers: self.tell("start", numbers),
            step=self._step,
            leaves=self._asked_to_leave,
        )

    def tell(self, kind: str, content: Any) -> None:
        import ray

        ray.get(self._post.tell.remote(kind, content))

    def _step(self, *numbers: int) -> None:
        if time.monotonic() - self._shown >= LOOKS_EVERY:
            self._shown = time.monotonic()
            self.tell("step", numbers)

    def _asked_to_leave(self) -> bool:
        import ray

        if not self._leaves and time.monotonic() - self._asked >= LOOKS_EVERY:
            self._asked = time.monotonic()
            self._leaves = ray.get(self._post.leaves.remote())
        return self._leaves


def in_one_process(asked: dict[str, Any]) -> None:
    """What Ray Train runs in each. How it ends is told by post: of an error Ray would make a traceback."""
    first = ByPost(asked["post"])
    is_first = os.environ.get("RANK", "0") == "0"
    config = PretrainConfig.model_validate(asked["config"])
    try:
        result = pretrain(config, Path(asked["folder"]), first.listener() if is_first else None)
    except KeyboardInterrupt as left:
        if is_first:
            first.tell("left", str(left))
    except EndedElsewhere as error:
        if is_first:
            first.tell("lost", str(error))
        raise
    except UserError as error:
        first.tell("failed", (str(error), error.exit_status))
        raise
    else:
        if result is not None:
            first.tell("result", {**asdict(result), "path": str(result.path)})


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
        return _fitted(config, folder, workers, gpus, listener)


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


def _fitted(config: PretrainConfig, folder: Path, workers: int, gpus: bool, listener: Listener) -> PretrainResult:
    import ray
    from ray import train
    from ray.train.torch import TorchConfig, TorchTrainer

    own_node = ray.get_runtime_context().get_node_id()
    here: dict[str, str] = {"ray.io/node-id": own_node}
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
            torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if gpus else "gloo"),
            scaling_config=train.ScalingConfig(  # type: ignore[call-arg]  # the one that is typed is version 1's
                num_workers=workers,
                use_gpu=gpus,
                resources_per_worker={"CPU": config.train.threads, **({"GPU": 1} if gpus else {})},
                # Ray numbers processes by the order of their machines, and the first one writes the run's folder.
                label_selector=[here, *[{}] * (workers - 1)],
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
