"""A Ray session for the time of a block: one of our own on this machine, or a cluster that is joined."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.versions import ROOT
from search.run.possible.cluster_address import LOCAL, ClusterAddress, cluster_address
from search.study.sections import ResourcesConfig
from search.tuning.cluster.process_group import Apart, starts_apart
from search.tuning.cluster.resources import Node, share_of, this_machine
from search.tuning.cluster.sent_parts import sending_environment
from search.tuning.cluster.token import own_token

OBJECT_STORE_BYTES = 100 * 1024 * 1024
"""Trials pass nothing but a few numbers through Ray's object store."""
SESSION_PREFIX = "prunetune-"
CONNECT_SECONDS = 10
WITHOUT = "give --address local for a Ray of its own"
PRELOADED = "RAY_preload_python_modules"
"""Ray's setting: what each process of a session imports before it is given anything to do."""
OURS_FIRST = "prunetune"
"""Importing it has Python find our packages. Ray puts the driver's working folder before them, where a user may have others."""


@contextmanager
def ray_session(resources: ResourcesConfig) -> Iterator[tuple[Node, ...]]:
    """Ray, started here or joined where `cluster_address` says, for as long as the block lasts; gives the machines there are.

    Nothing it writes outlives the session. Token authentication stays on (`token.py`). The caller has set the
    environment.
    """
    import ray

    remove_dead_sessions()
    folder = Path(tempfile.mkdtemp(prefix=f"{SESSION_PREFIX}{os.getpid()}-", dir=_short_temporary_folder()))
    apart, own = Apart(), cluster_address(resources) is None
    with own_token(folder) if own else nullcontext():
        try:
            _start(ray, resources, folder, apart)
            yield _own_nodes(ray) if own else live_nodes(ray)
        finally:
            ray.shutdown()
            apart.end()
            shutil.rmtree(folder, ignore_errors=True)


def live_nodes(ray: Any) -> tuple[Node, ...]:
    """The machines that are in the cluster now, by host."""
    found = [
        Node(node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0), node["NodeID"], _host(node))
        for node in ray.nodes()
        if node["Alive"]
    ]
    return tuple(sorted(found, key=lambda node: (node.host, node.id)))


def _own_nodes(ray: Any) -> tuple[Node, ...]:
    """This machine as it is: Ray was given as many CPUs as trials run at once."""
    return tuple(replace(node, cpus=this_machine().cpus) for node in live_nodes(ray))


def _host(node: dict[str, Any]) -> str:
    name, address = node["NodeManagerHostname"], node["NodeManagerAddress"]
    return name if name == address else f"{name} ({address})"


def joined_address() -> str:
    """Where the head of the cluster is that this process has joined, as HOST:PORT."""
    import ray

    return str(ray.get_runtime_context().gcs_address)


def _start(ray: Any, resources: ResourcesConfig, folder: Path, apart: Apart) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if (cluster := cluster_address(resources)) is not None:
        _check_reachable(cluster)
        try:
            parts = sending_environment(folder)
            variables = worker_environment(resources.cpus_per_trial) | parts["env_vars"]
            environment = {
                **parts,
                "env_vars": variables,
                "worker_process_setup_hook": f"{OURS_FIRST}.ours_first.install",
            }
            ray.init(address=cluster.address, runtime_env=environment, **quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UserError(
                f"{cluster.named_by}: no Ray cluster answers at {cluster.address} ({str(error).splitlines()[0]}); "
                f"start one, see that the token here is the cluster's (docs/cluster.md), or {WITHOUT}"
            ) from error
        return
    with starts_apart(apart):
        ray.init(
            address=LOCAL,
            # One for each trial at a time: Ray starts as many processes at once, and each of them loads what a trial needs.
            num_cpus=share_of(resources, (this_machine(),)).concurrent,
            include_dashboard=False,
            dashboard_host="127.0.0.1",
            object_store_memory=OBJECT_STORE_BYTES,
            _temp_dir=str(folder),
            **quiet,
        )


def _check_reachable(cluster: ClusterAddress) -> None:
    """Ray itself asks an address where nothing listens for minutes; `auto` and the like it answers at once."""
    if "://" in cluster.address:
        # A dashboard's, or that of Ray's client, whose driver would run without our records and signals.
        raise UserError(
            f"{cluster.named_by}: found {cluster.address}; expected HOST:PORT of the cluster's head, such as 10.0.0.1:6379, "
            f"or auto; give that, or {WITHOUT}"
        )
    host, _, port = cluster.address.rpartition(":")
    if "/" in cluster.address or not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"{cluster.named_by}: nothing answers at {cluster.address} ({error}); start a cluster there, or {WITHOUT}"
        ) from None


def worker_environment(cpus_per_trial: int) -> dict[str, str]:
    """What trials' processes need: this code on their path, no more threads than they were given, and no GPU that they
    did not ask for (Ray leaves all of them visible to a trial that asks for none, unless told otherwise)."""
    root = str(ROOT)
    paths = [root, *(entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != root)]
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "OMP_NUM_THREADS": str(cpus_per_trial),
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    }


def set_environment(cpus_per_trial: int, *, load_trials: bool = False) -> None:
    """Before Ray is imported: it and its processes read these once, as they start.

    With `load_trials`, each process that Ray starts for trials in a session of ours loads what they need at once.
    """
    os.environ.update(
        worker_environment(cpus_per_trial)
        | {
            PRELOADED: f"{OURS_FIRST},trainables.trial_process" if load_trials else OURS_FIRST,
            "RAY_USAGE_STATS_ENABLED": "0",
            # What `ray job submit` was given for processes is theirs together with ours, not a conflict.
            "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",
            "RAY_CHDIR_TO_TRIAL_DIR": "0",
            "RAY_AIR_NEW_OUTPUT": "0",
            "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
            "TUNE_DISABLE_AUTO_CALLBACK_SYNCER": "1",
            "TUNE_DISABLE_SIGINT_HANDLER": "1",
            "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
            "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
            "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
            # Tune's snapshots serve nobody here: a run goes on from its records.
            "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
        }
    )


def _short_temporary_folder() -> str:
    """Ray's sockets lie under it, and their paths must stay under 108 characters."""
    usual = tempfile.gettempdir()
    return usual if len(usual) <= 24 else "/tmp"


def remove_dead_sessions() -> None:
    """Remove what a killed driver of ours left behind in the temporary folder."""
    for folder in Path(_short_temporary_folder()).glob(f"{SESSION_PREFIX}[0-9]*-*"):
        pid = int(folder.name.removeprefix(SESSION_PREFIX).split("-")[0])
        if not _is_alive(pid):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
