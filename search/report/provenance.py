"""What a run rests on: weights and teachers with their evidence, data, versions, commit, hardware."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from models.units.reach import reach_text
from search.evidence.formats import short
from search.run.changing.noted import changes_text
from search.run.folder import RunFolder
from search.run.results import RunResults
from trainables.config.origins import splits_line
from trainables.config.trial import TrialConfig
from trainables.teaching.knowledge import Knowledge

DIGESTS_SHOWN = 4


def run_facts(results: RunResults) -> dict[str, str]:
    """Commit, versions, hardware and data of the run's trials; empty where none has begun."""
    headers = _headers(results)
    if not headers:
        return {}
    environments = [header["environment"] for header in headers]
    changed = changes_text(RunFolder(results.run))
    return {
        "commit": _joined(one.get("commit") or "not a checkout" for one in environments),
        "Python": _joined(one.get("python") for one in environments),
        "libraries": _joined(_libraries(one) for one in environments),
        "hardware": _joined(_hardware(one) for one in environments),
        "data": _joined(_data(header["data"]) for header in headers),
        "training": _training(results),
        **({"changed since it began": changed} if changed else {}),
    }


def _training(results: RunResults) -> str:
    done = results.training
    spared = f" where trials alone take {short(done.macs + done.macs_taken_over)}" if done.macs_taken_over else ""
    return f"{done.text()}; {short(done.macs)} multiply-accumulates were spent{spared}"


def _headers(results: RunResults) -> list[dict[str, Any]]:
    """Of trials that have come to know what they rest on: one that failed before has a shorter line."""
    headers = (trial.record.header for trial in results.trials if trial.record)
    return [header for header in headers if "environment" in header]


def _libraries(environment: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in environment.get("libraries", {}).items())


def _hardware(environment: dict[str, Any]) -> str:
    place = environment.get("gpu") or environment.get("processor")
    return f"{place}, {environment.get('precision')}, {environment.get('threads')} thread(s)"


def _data(data: dict[str, Any]) -> str:
    told = splits_line(str(data.get("name")), data.get("sizes") or {}, data.get("splits") or {})
    return f"{told}; digest {data.get('digest')}"


def reach_facts(results: RunResults) -> dict[str, str]:
    """Arms → how far pruning reaches into their network; without whole networks, and those whose records are too old to
    tell."""
    arms: dict[str, dict[str, None]] = {}
    for trial in results.trials:
        if trial.reach is not None and (trial.traits.ends_small or trial.traits.masks):
            target = TrialConfig.model_validate(trial.config).prune.target
            arms.setdefault(reach_text(target, trial.reach), {})[trial.identity.arm] = None
    return {", ".join(names): text for text, names in arms.items()}


def foundations(results: RunResults) -> dict[str, dict[str, str]]:
    """Title → facts, of initial weights and of outside teachers."""
    return weights_facts(results) | teacher_facts(results)


def weights_facts(results: RunResults) -> dict[str, dict[str, str]]:
    """Title → facts, for each source of initial weights; the title names its arms where there are several sources."""
    groups = _by_source([header for header in _headers(results) if header.get("weights")])
    facts = {}
    for group in groups:
        arms = _joined((header["identity"]["arm"] for header in group), ", ")
        title = f"Initial weights of {arms}" if len(groups) > 1 else "Initial weights"
        facts[title] = _facts_of_source([header["weights"] for header in group])
    return facts


def teacher_facts(results: RunResults) -> dict[str, dict[str, str]]:
    """Title → facts, for each outside teacher; the title names the arms that learn from it where not all do."""
    headers = _headers(results)
    teachers: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for header in headers:
        if (teacher := header.get("teacher")) is not None:
            teachers.setdefault((teacher["origin"], teacher["digest"]), []).append(header)
    facts = {}
    for group in teachers.values():
        arms = _joined((header["identity"]["arm"] for header in group), ", ")
        facts["Teacher" if len(group) == len(headers) else f"Teacher of {arms}"] = _facts_of_teacher(group)
    return facts


def _facts_of_teacher(same: list[dict[str, Any]]) -> dict[str, str]:
    teachers = [header["teacher"] for header in same]
    first = teachers[0]
    facts = {
        "verdict": str(first["verdict"]),
        "origin": str(first["origin"]),
        "network": f"{first['spec']['arch']}, {first['params']:,} parameters, {short(first['macs'])} MACs an image",
        "source's sha256": str(first["source_sha256"]),
        "digest": str(first["digest"]),
        "evidence": _told(teachers, "evidence"),
        "what it knows": _joined(Knowledge.from_json(teacher["probe"]).text() for teacher in teachers),
        "trials": str(len(same)),
    }
    if warnings := _told(teachers, "warnings"):
        facts["warnings"] = warnings
    return facts


def _by_source(headers: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Headers together whose weights came from one source with one verdict, whatever each trial's seed drew anew."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for header in headers:
        weights = header["weights"]
        provenance = weights.get("provenance") or {}
        key = (weights.get("verdict"), provenance.get("origin"), provenance.get("source_sha256"))
        groups.setdefault(key, []).append(header)
    return list(groups.values())


def _facts_of_source(same: list[dict[str, Any]]) -> dict[str, str]:
    """Of the weights of one source; what differs between trials is what was drawn from their seeds."""
    provenance = same[0].get("provenance") or {}
    facts = {
        "verdict": str(same[0].get("verdict")),
        "origin": str(provenance.get("origin")),
        "source's sha256": str(provenance.get("source_sha256") or "–"),
        "digest": _digests(list(dict.fromkeys(str(weights.get("digest")) for weights in same))),
        "evidence": _told(same, "evidence") or "none",
        "trials": str(len(same)),
    }
    if warnings := _told(same, "warnings"):
        facts["warnings"] = warnings
    return facts


def _digests(digests: list[str]) -> str:
    text = ", ".join(digests[:DIGESTS_SHOWN])
    if len(digests) > 1:
        text = f"{len(digests)} of them, one for each seed, which draws anew what the source does not give: {text}"
    if len(digests) > DIGESTS_SHOWN:
        text += f" and {len(digests) - DIGESTS_SHOWN} more, in each trial's record"
    return text


def _told(same: list[dict[str, Any]], part: str) -> str:
    return _joined(line for weights in same for line in weights.get(part) or ())


def _joined(values: Iterable[Any], mark: str = "; ") -> str:
    """Each value once, in the order of first appearance."""
    return mark.join(dict.fromkeys(str(value) for value in values))
