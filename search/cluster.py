"""Where trials run: Ray on this machine or on a cluster, the processors there are, and each trial's share of them."""

from __future__ import annotations

import logging
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import UserError
from search.study_config import ResourcesConfig

OBJECT_STORE_BYTES = 100 * 1024 * 1024
"""Trials pass nothing but a few numbers through Ray's object store."""
TRIALS_PER_GPU = 4
"""At most so many trials share a GPU under `auto`."""
SESSION_PREFIX = "prunetune-"


@dataclass(frozen=True)
class Share:
    """What one trial is given, and how many trials run at once."""

    cpus: int
    gpus: float
    concurrent: int


def available_cpus(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Processors this process may use: by its affinity and by its control group's quota, never by the machine alone."""
    allowed = len(os.sched_getaffinity(0))
    quota = _cgroup_quota(cgroup)
    return max(1, allowed if quota is None else min(allowed, math.floor(quota + 1e-9)))


def _cgroup_quota(cgroup: Path) -> float | None:
    """The quota in processors, of control groups version 2 or 1; None where there is none."""
    unified = cgroup / "cpu.max"
    if unified.exists():
        quota, period = unified.read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    older = cgroup / "cpu" / "cpu.cfs_quota_us"
    if not older.exists():
        return None
    quota_us = int(older.read_text(encoding="ascii"))
    period_us = int((older.parent / "cpu.cfs_period_us").read_text(encoding="ascii"))
    return quota_us / period_us if quota_us > 0 else None


def share_of(resources: ResourcesConfig, cpus: float, gpus: float) -> Share:
    """Each trial's share of `cpus` and `gpus`; a UserError where no trial could ever be scheduled."""
    wanted = resources.cpus_per_trial
    if wanted > cpus:
        raise UserError(
            f"resources.cpus_per_trial: {wanted} CPUs are asked for a trial, but there are {cpus:g}; ask for at most {cpus:g}"
        )
    slots = int(cpus // wanted)
    most = slots if resources.max_concurrent is None else min(slots, resources.max_concurrent)
    per_trial = _gpu_share(most, gpus) if resources.gpus_per_trial == "auto" else float(resources.gpus_per_trial)
    if per_trial > gpus:
        raise UserError(
            f"resources.gpus_per_trial: {per_trial:g} GPUs are asked for a trial, but there are {gpus:g}; "
            "ask for fewer, or write `auto`"
        )
    if per_trial > 0:
        most = min(most, _trials_on_gpus(per_trial, gpus))
    return Share(wanted, per_trial, most)


def _gpu_share(concurrent: int, gpus: float) -> float:
    if gpus <= 0:
        return 0.0
    per_gpu = min(TRIALS_PER_GPU, max(1, math.ceil(concurrent / gpus)))
    return 1.0 / per_gpu


def _trials_on_gpus(per_trial: float, gpus: float) -> int:
    if per_trial >= 1:
        return int(gpus // per_trial)
    return int(gpus) * int(1 / per_trial + 1e-9)


@contextmanager
def ray_session(resources: ResourcesConfig) -> Iterator[Share]:
    """Ray, started here or joined at `resources.address`, for as long as the block lasts.

    Nothing it writes outlives the session. Token authentication stays as Ray has it: on.
    """
    _set_environment(resources.cpus_per_trial)
    import ray

    remove_dead_sessions()
    folder = Path(tempfile.mkdtemp(prefix=f"{SESSION_PREFIX}{os.getpid()}-", dir=_short_temporary_folder()))
    try:
        _start(ray, resources, folder)
        available: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]  # Ray leaves it unannotated
        yield share_of(resources, available.get("CPU", 0.0), available.get("GPU", 0.0))
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _start(ray: Any, resources: ResourcesConfig, folder: Path) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if resources.address is not None:
        try:
            ray.init(
                address=resources.address,
                runtime_env={"env_vars": worker_environment(resources.cpus_per_trial)},
                **quiet,
            )
        except (ConnectionError, RuntimeError) as error:
            raise UserError(
                f"resources.address: no Ray cluster answers at {resources.address} ({str(error).splitlines()[0]}); "
                "start one, or leave the address out"
            ) from error
        return
    ray.init(
        num_cpus=available_cpus(),
        include_dashboard=False,
        dashboard_host="127.0.0.1",
        object_store_memory=OBJECT_STORE_BYTES,
        _temp_dir=str(folder),
        **quiet,
    )


def worker_environment(cpus_per_trial: int) -> dict[str, str]:
    """What trials' processes need: this code on their path, and no more threads than they were given."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *(entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != root)]
    return {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": str(cpus_per_trial)}


def _set_environment(cpus_per_trial: int) -> None:
    """Before Ray is imported: it and its processes read these once, as they start."""
    os.environ.update(worker_environment(cpus_per_trial))
    os.environ.update(
        {
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_CHDIR_TO_TRIAL_DIR": "0",
            # A trial that asks for no GPU must not see one.
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
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
        return True
    return True
