"""Which Ray a study runs on: a cluster that the command line, the study or the environment names, or a Ray of its own."""

from __future__ import annotations

import os
from dataclasses import dataclass

from search.study.sections import ResourcesConfig

VARIABLE = "RAY_ADDRESS"
"""Ray's own; `ray job submit` sets it for what it starts."""
FINDS, LOCAL = "auto", "local"
"""Ray's words: for the cluster that it finds, and for a Ray of one's own."""


@dataclass(frozen=True)
class ClusterAddress:
    """`address` as Ray takes it; `named_by`: the key or the variable that a mistake in it is told by."""

    address: str
    named_by: str


def cluster_address(resources: ResourcesConfig) -> ClusterAddress | None:
    """`resources.address` or, where that is absent or `auto`, what RAY_ADDRESS says; None for a Ray of one's own.

    So does Ray itself, which would look for `auto` there even against our will.
    """
    named = ClusterAddress(resources.address or "", "resources.address")
    if named.address in ("", FINDS) and (told := os.environ.get(VARIABLE, "").strip()):
        named = ClusterAddress(told, VARIABLE)
    return None if named.address in ("", LOCAL) else named
