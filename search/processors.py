"""How many processors this process may use: by its affinity and its control groups, never by the machine alone."""

from __future__ import annotations

import math
import os
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def available_cpus(groups: Path = GROUPS, own: Path = OWN_GROUPS) -> int:
    """At least 1. `groups` is where control groups are mounted, `own` says in which of them this process is."""
    allowed = len(os.sched_getaffinity(0))
    quota = group_quota(groups, own)
    return max(1, allowed if quota is None else min(allowed, math.floor(quota + 1e-9)))


def group_quota(groups: Path = GROUPS, own: Path = OWN_GROUPS) -> float | None:
    """The tightest quota, in processors, of this process's groups and all groups above them; None where there is none.

    Both versions are read: a machine may mount both, and only one of them then rules the processors.
    """
    found = [quota for folder in _folders(groups, own) if (quota := _quota_of(folder)) is not None]
    return min(found, default=None)


def _folders(groups: Path, own: Path) -> list[Path]:
    """Every folder whose quota binds this process. Inside a container, `own` may name groups that only the host sees;
    the container's own group is then the root of what is mounted, which is always among them."""
    folders: dict[Path, None] = {}
    for controllers, name in _memberships(own):
        if controllers == "":
            roots = [groups, groups / "unified"]
        elif "cpu" in controllers.split(","):
            roots = [groups / "cpu", groups / "cpu,cpuacct", groups / controllers]
        else:
            continue
        for root in roots:
            group = root / name.lstrip("/")
            inside = [folder for folder in (group, *group.parents) if folder.is_relative_to(root)]
            folders |= dict.fromkeys([*inside, root])
    return list(folders)


def _memberships(own: Path) -> list[tuple[str, str]]:
    """(controllers, group) of each hierarchy; version 2's has no controllers in its line."""
    entries = {("", "/"), ("cpu", "/")}
    if own.exists():
        for line in own.read_text(encoding="utf-8").splitlines():
            _, controllers, name = line.split(":", 2)
            entries.add((controllers, name))
    return sorted(entries)


def _quota_of(folder: Path) -> float | None:
    unified = folder / "cpu.max"
    if unified.is_file():
        quota, period = unified.read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    older = folder / "cpu.cfs_quota_us"
    if not older.is_file():
        return None
    quota_us = int(older.read_text(encoding="ascii"))
    return quota_us / int((folder / "cpu.cfs_period_us").read_text(encoding="ascii")) if quota_us > 0 else None
