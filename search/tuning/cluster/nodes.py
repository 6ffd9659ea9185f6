"""Every machine of a cluster is checked before the first trial: code, versions, weights, data, and the run's folder."""

from __future__ import annotations

import platform
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from models.errors import UserError
from models.versions import library_versions, source_digest
from search.run.folder import RunFolder
from search.run.possible.found_weights import noted
from search.run.preflight import StartingPoint, preflight
from search.study.load import load_study
from search.tuning.cluster.node_check import Passing, Refusals
from search.tuning.cluster.resources import Node
from search.tuning.cluster.session import live_nodes
from search.tuning.cluster.waiting import never, unanswered
from trainables.files.remote.address import bucket_of, on_this_machine, opened_copies
from trainables.files.remote.run_mirror import RunMirror

PACKAGES = ("models", "pruning", "trainables", "search")
TOKEN_FILE = "token"


@dataclass(frozen=True)
class Facts:
    """`problem` is one clause: what kept the machine from answering. `digests`: arm → {weights, data, own parts}."""

    python: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    code: str = ""
    commit: str | None = None
    digests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    problem: str | None = None


def own_facts(digests: Mapping[str, Mapping[str, str]]) -> Facts:
    """Those of this process, with digests that are known already."""
    from trainables.files.environment import LIBRARIES, commit

    return Facts(platform.python_version(), library_versions(LIBRARIES), source_digest(PACKAGES), commit(), digests)


def node_facts(run: str, meeting: str, answer: str, arms: tuple[str, ...], bucket: str | None = None) -> dict[str, Any]:
    """Done on a machine of the cluster: see and answer the driver's token in the run's folder, load every arm's data
    and weights as a trial would. Plain JSON, so that a machine with other code can still be understood. `bucket` is the URL of
    the place that holds the run, for one in a bucket."""
    if bucket is not None:
        return asdict(_facts_by_bucket(bucket, Path(run), Path(meeting).name, answer, arms))
    return asdict(_facts(Path(run), Path(meeting), answer, arms))


def _facts_by_bucket(bucket: str, run: Path, meeting: str, answer: str, arms: tuple[str, ...]) -> Facts:
    try:
        opened_copies(bucket)
        mirror = RunMirror.of(on_this_machine(run))
        assert mirror is not None, "the run is in a bucket"
        token = mirror.bucket.content(f"{meeting}/{TOKEN_FILE}")
        if token is None:
            return Facts(
                problem=f"does not see {mirror.bucket} as the driver does; see AWS_ENDPOINT_URL and the like there"
            )
        mirror.bucket.write(f"{meeting}/{answer}", token)
        return _loaded(mirror.folder, arms)
    except UserError as error:
        return Facts(problem=str(error))


def _facts(run: Path, meeting: Path, answer: str, arms: tuple[str, ...]) -> Facts:
    problem = meet(meeting, answer)
    if problem is not None:
        return Facts(problem=problem)
    return _loaded(run, arms)


def _loaded(run: Path, arms: tuple[str, ...]) -> Facts:
    """What this machine finds of a run's data and weights."""
    facts = own_facts({})
    if not arms:
        return facts
    try:
        folder = RunFolder.existing(run)
        study = load_study(folder.study_file, recorded=True, goes_on=True)
        found = preflight(study.with_found_weights(noted(folder)))
    except UserError as error:
        return replace(facts, problem=str(error))
    return replace(facts, digests={arm: digests_of(found[arm]) for arm in arms if arm in found})


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


def digests_of(starting_point: StartingPoint) -> dict[str, str]:
    own = {} if starting_point.parts is None else {"parts": str(starting_point.parts["digest"])}
    return {"weights": starting_point.weights["digest"], "data": starting_point.data["digest"], **own}


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


PATIENCE = 600.0
"""Seconds that machines are given to load libraries, data and weights."""


def check_nodes(
    run: RunFolder,
    nodes: Sequence[Node],
    starting_points: Mapping[str, StartingPoint],
    cpus_per_trial: int,
    stop: Callable[[], bool] = never,
) -> tuple[Node, ...]:
    """Ask all machines that could run a trial at the same time, and give those that answered; a UserError names the first
    that is not as the driver.

    A machine that leaves the cluster meanwhile is no mistake: trials just do not go there. Nor is one that
    has not answered by the time `stop` says that the study is being left.
    """
    asked = [node for node in nodes if node.cpus >= cpus_per_trial]
    found = refusals(run, asked, starting_points, stop)
    for node in asked:
        if (wrong := found.get(node.id)) is not None:
            raise UserError(f"node {node.host}: {wrong}")
    return tuple(node for node in asked if node.id in found)


def refusals(
    run: RunFolder,
    nodes: Sequence[Node],
    starting_points: Mapping[str, StartingPoint],
    stop: Callable[[], bool] = never,
) -> Refusals:
    """What is wrong with each machine; `stop` as of `check_nodes`."""
    driver = own_facts({arm: digests_of(starting_point) for arm, starting_point in starting_points.items()})
    with meeting_place(run) as (meeting, token):
        answers = _ask(nodes, run, meeting, tuple(starting_points), stop)
        _collect(run, meeting, answers)
        return {
            name: difference(driver, facts) or _unanswered(meeting / name, token, run.path)
            for name, facts in answers.items()
        }


@contextmanager
def meeting_place(run: RunFolder) -> Iterator[tuple[Path, str]]:
    """A folder in the run's with a token that machines copy, each under its own name."""
    token = secrets.token_hex(16)
    meeting, mirror = run.path / f".nodes-{token[:8]}", run.mirror()
    meeting.mkdir()
    try:
        (meeting / TOKEN_FILE).write_text(token, encoding="ascii")
        if mirror is not None:
            mirror.bucket.write(f"{meeting.name}/{TOKEN_FILE}", token.encode())
        yield meeting, token
    finally:
        shutil.rmtree(meeting, ignore_errors=True)
        if mirror is not None:
            mirror.bucket.delete(*mirror.bucket.list(meeting.name))


def _collect(run: RunFolder, meeting: Path, names: Iterable[str]) -> None:
    """The answers that machines have left in the bucket of a run that is in one."""
    if (mirror := run.mirror()) is None:
        return
    for name in names:
        answer = mirror.bucket.content(f"{meeting.name}/{name}")
        if answer is not None:
            (meeting / name).write_bytes(answer)


def _unanswered(answer: Path, token: str, run: Path) -> str | None:
    if answer.exists() and answer.read_text(encoding="ascii") == token:
        return None
    return f"writes in another {run} than the driver; the run must lie on a file system that all nodes share"


def _ask(
    nodes: Sequence[Node], run: RunFolder, meeting: Path, arms: tuple[str, ...], stop: Callable[[], bool]
) -> dict[str, Facts]:
    """Node → its facts; nothing for one that is gone, or has not answered where the study is being left."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task: Any = ray.remote(node_facts)
    questions = {
        node.id: task.options(
            num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)
        ).remote(str(run.path), str(meeting), node.id, arms, bucket_of(run.path))
        for node in nodes
    }
    silent = unanswered(list(questions.values()), PATIENCE, stop)
    answers: dict[str, Facts] = {}
    for node, question in questions.items():
        if question in silent:
            ray.cancel(question, force=True)
            if not stop():
                answers[node] = Facts(problem=Passing(f"did not answer within {PATIENCE:g} s"))
            continue
        try:
            answers[node] = Facts(**ray.get(question))
        except (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError):
            continue
        except ray.exceptions.WorkerCrashedError:
            if node in {one.id for one in live_nodes(ray)}:
                # A process that cannot import prunetune has died too: Ray lets it do so before it is given anything.
                problem = "its process died before it had loaded data and weights; see its memory, and that this code is there"
                answers[node] = Facts(problem=Passing(problem))
        except ray.exceptions.RayError as error:
            cause = str(error).strip().splitlines()[-1]
            problem = f"cannot run this code ({cause}); it must lie at the same place on all nodes"
            answers[node] = Facts(problem=Passing(problem))
    return answers
