"""Every machine of a cluster is checked before the first trial: code, versions, weights, data, and the run's folder."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from models.errors import UserError
from search.cluster import Node
from search.node_facts import TOKEN_FILE, Facts, difference, digests_of, node_facts, own_facts
from search.preflight import Foundation
from search.run_folder import RunFolder

PATIENCE = 600.0
"""Seconds that machines are given to load libraries, data and weights."""


def check_nodes(run: RunFolder, nodes: Sequence[Node], networks: Mapping[str, Foundation], cpus_per_trial: int) -> None:
    """Ask all machines that could run a trial at the same time; a UserError names the first that is not as the driver.

    A machine that leaves the cluster meanwhile is no mistake: trials just do not go there.
    """
    asked = [node for node in nodes if node.cpus >= cpus_per_trial]
    driver = own_facts({arm: digests_of(foundation.to_json()) for arm, foundation in networks.items()})
    with meeting_place(run) as (meeting, token):
        answers = _ask(asked, run, meeting, tuple(networks))
        for node in asked:
            facts = answers.get(node.id)
            if facts is None:
                continue
            wrong = difference(driver, facts) or _unanswered(meeting / node.id, token, run.path)
            if wrong is not None:
                raise UserError(f"node {node.host}: {wrong}")


@contextmanager
def meeting_place(run: RunFolder) -> Iterator[tuple[Path, str]]:
    """A folder in the run's with a token that machines copy, each under its own name."""
    token = secrets.token_hex(16)
    meeting = run.path / f".nodes-{token[:8]}"
    meeting.mkdir()
    try:
        (meeting / TOKEN_FILE).write_text(token, encoding="ascii")
        yield meeting, token
    finally:
        shutil.rmtree(meeting, ignore_errors=True)


def _unanswered(answer: Path, token: str, run: Path) -> str | None:
    if answer.exists() and answer.read_text(encoding="ascii") == token:
        return None
    return f"writes in another {run} than the driver; the run must lie on a file system that all nodes share"


def _ask(nodes: Sequence[Node], run: RunFolder, meeting: Path, arms: tuple[str, ...]) -> dict[str, Facts]:
    """Node → its facts; nothing for one that is gone."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task: Any = ray.remote(node_facts)
    questions = {
        node.id: task.options(
            num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)
        ).remote(str(run.path), str(meeting), node.id, arms)
        for node in nodes
    }
    ray.wait(list(questions.values()), num_returns=len(questions), timeout=PATIENCE)
    answers: dict[str, Facts] = {}
    for node, question in questions.items():
        try:
            answers[node] = Facts(**ray.get(question, timeout=1))
        except (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError):
            continue
        except ray.exceptions.GetTimeoutError:
            answers[node] = Facts(problem=f"did not answer within {PATIENCE:g} s")
        except ray.exceptions.WorkerCrashedError:
            if node in _alive(ray):
                answers[node] = Facts(problem="its process died while it loaded data and weights; look at its memory")
        except ray.exceptions.RayError as error:
            cause = str(error).strip().splitlines()[-1]
            answers[node] = Facts(problem=f"cannot run this code ({cause}); it must lie at the same place on all nodes")
    return answers


def _alive(ray: Any) -> set[str]:
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}
