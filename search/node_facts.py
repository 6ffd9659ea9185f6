"""What one machine of a cluster says of itself before a study starts there, and how that must agree with the driver."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from models.versions import library_versions

PACKAGES = ("models", "pruning", "trainables", "search")
ROOT = Path(__file__).resolve().parent.parent
TOKEN_FILE = "token"


@dataclass(frozen=True)
class Facts:
    """`problem` is one clause: what kept the machine from answering. `digests`: arm → {weights, data}."""

    python: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    commit: str | None = None
    digests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    problem: str | None = None


def own_facts(digests: Mapping[str, Mapping[str, str]]) -> Facts:
    """Those of this process, with digests that are known already."""
    from trainables.environment import LIBRARIES, commit

    return Facts(platform.python_version(), library_versions(LIBRARIES), code_digest(), commit(), digests)


def code_digest(root: Path = ROOT) -> str:
    """SHA-256 over the names and contents of the source files of the four packages."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((root / package).rglob("*.py")):
            digest.update(f"{file.relative_to(root)}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def node_facts(run: str, meeting: str, answer: str, arms: tuple[str, ...]) -> dict[str, Any]:
    """Done on a machine of the cluster: see and answer the driver's token in the run's folder, load every arm's data
    and weights as a trial would. Plain JSON, so that a machine with other code can still be understood."""
    return asdict(_facts(Path(run), Path(meeting), answer, arms))


def _facts(run: Path, meeting: Path, answer: str, arms: tuple[str, ...]) -> Facts:
    problem = meet(meeting, answer)
    if problem is not None:
        return Facts(problem=problem)
    facts = own_facts({})
    if not arms:
        return facts
    from models.errors import UserError
    from search.preflight import preflight
    from search.run_folder import RunFolder
    from search.study import load_study

    try:
        found = preflight(load_study(RunFolder.existing(run).study_file))
    except UserError as error:
        return Facts(facts.python, facts.libraries, facts.code, facts.commit, problem=str(error))
    digests = {arm: digests_of(found[arm].to_json()) for arm in arms if arm in found}
    return Facts(facts.python, facts.libraries, facts.code, facts.commit, digests)


def meet(meeting: Path, answer: str) -> str | None:
    """Answer the driver's token beside it; what is wrong with the folder, or None."""
    token = meeting / TOKEN_FILE
    if not token.exists():
        return (
            f"does not see {meeting.parent} as the driver does; the run must lie on a file system that all nodes share"
        )
    try:
        (meeting / answer).write_text(token.read_text(encoding="ascii"), encoding="ascii")
    except OSError as error:
        return f"cannot write in {meeting.parent} ({error.strerror}); trials write their records there"
    return None


def digests_of(foundation: Mapping[str, Any]) -> dict[str, str]:
    return {part: foundation[part]["digest"] for part in ("weights", "data")}


def difference(driver: Facts, node: Facts) -> str | None:
    """The first thing in which a machine differs from the driver, as one clause with its remedy; None where it agrees."""
    if node.problem is not None:
        return node.problem
    if node.python != driver.python:
        return f"runs Python {node.python}, the driver {driver.python}; use one environment on all nodes"
    for name, version in driver.libraries.items():
        if node.libraries.get(name) != version:
            there = node.libraries.get(name, "none")
            return f"has {name} {there}, the driver {version}; use one environment on all nodes"
    if node.code != driver.code:
        return f"has other code ({_commit(node)}) than the driver ({_commit(driver)}); use one checkout on all nodes"
    for arm, digests in driver.digests.items():
        for part, digest in digests.items():
            there = node.digests.get(arm, {}).get(part, "")
            if there != digest:
                return (
                    f"has other {part} for arm {arm} (digest {there[:12] or 'none'}, the driver's {digest[:12]}); "
                    "use one copy on all nodes"
                )
    return None


def _commit(facts: Facts) -> str:
    return f"commit {facts.commit[:12]}" if facts.commit else f"digest {facts.code[:12]}"
