"""In what an own part differs from the one that a record has, in words: the file, with its SHA-256 then and now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def difference(old: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Of two origins of one reference whose digests differ."""
    if old["sha256"] != now["sha256"]:
        return f"{now['file']} (SHA-256 was {str(old['sha256'])[:12]}, now {str(now['sha256'])[:12]})"
    if (old["distribution"], old["version"]) != (now["distribution"], now["version"]):
        return f"it was of {old['distribution']} {old['version']}, now of {now['distribution']} {now['version']}"
    beside = {*old["beside"].items(), *now["beside"].items()} - ({*old["beside"].items()} & {*now["beside"].items()})
    return f"what {now['file']} imports ({', '.join(sorted({name for name, _ in beside}))})"
