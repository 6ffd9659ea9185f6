"""What a run rests on: weights and their evidence, data, versions, commit, hardware; and how to run it again."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from search.report import html
from search.run.results import RunResults

DIGESTS_SHOWN = 4


def provenance_section(results: RunResults) -> str:
    headers = [view.record.header for view in results.trials if view.record]
    if not headers:
        return ""
    groups = same_source([header for header in headers if header.get("weights")])
    parts = [html.facts(_facts(headers))]
    for group in groups:
        arms = ", ".join(dict.fromkeys(str(header["identity"]["arm"]) for header in group))
        which = f" of {arms}" if len(groups) > 1 else ""
        parts.append(f"<h3>{escape(f'Initial weights{which}')}</h3>")
        parts.append(html.facts(_weights_facts([header["weights"] for header in group])))
    return html.section("What it rests on", *parts)


def same_source(headers: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Headers together whose weights came from one source with one verdict, whatever each trial's seed drew anew."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for header in headers:
        weights = header["weights"]
        provenance = weights.get("provenance") or {}
        key = (weights.get("verdict"), provenance.get("origin"), provenance.get("source_sha256"))
        groups.setdefault(key, []).append(header)
    return list(groups.values())


def _facts(headers: list[dict[str, Any]]) -> dict[str, str]:
    environments = [header["environment"] for header in headers]
    libraries = _distinct([one.get("libraries", {}) for one in environments])
    data = _distinct([{key: header["data"].get(key) for key in ("name", "sizes", "digest")} for header in headers])
    return {
        "commit": _joined([one.get("commit") or "not a checkout" for one in environments]),
        "Python": _joined([one.get("python") for one in environments]),
        "libraries": "; ".join(", ".join(f"{name} {version}" for name, version in one.items()) for one in libraries),
        "hardware": _joined([_hardware(one) for one in environments]),
        "data": "; ".join(_data_text(one) for one in data),
    }


def _hardware(environment: dict[str, Any]) -> str:
    place = environment.get("gpu") or environment.get("processor")
    return f"{place}, {environment.get('precision')}, {environment.get('threads')} thread(s)"


def _data_text(data: dict[str, Any]) -> str:
    sizes = ", ".join(f"{count} {part}" for part, count in (data.get("sizes") or {}).items())
    return f"{data['name']}: {sizes} images; digest {data['digest']}"


def _weights_facts(same: list[dict[str, Any]]) -> dict[str, str]:
    """Of the weights of one source; what differs between trials is what was drawn from their seeds."""
    provenance = same[0].get("provenance") or {}
    digests = _distinct([weights.get("digest") for weights in same])
    drawn = f"{len(digests)} of them, one for each seed, which draws anew what the source does not give: "
    facts = {
        "verdict": str(same[0].get("verdict")),
        "origin": str(provenance.get("origin")),
        "source's sha256": str(provenance.get("source_sha256") or "–"),
        "digest": (drawn if len(digests) > 1 else "") + ", ".join(str(digest) for digest in digests[:DIGESTS_SHOWN]),
        "evidence": _told(same, "evidence") or "none",
        "trials": str(len(same)),
    }
    if len(digests) > DIGESTS_SHOWN:
        facts["digest"] += f" and {len(digests) - DIGESTS_SHOWN} more, in each trial's record"
    if warnings := _told(same, "warnings"):
        facts["warnings"] = warnings
    return facts


def _told(same: list[dict[str, Any]], part: str) -> str:
    return "; ".join(_distinct([line for weights in same for line in weights.get(part) or ()]))


def reproduce_section(results: RunResults) -> str:
    name = results.study.name
    commands = (
        f"make setup\nprunetune sweep study.yaml --name {name}     # the study file below\n"
        f"prunetune report runs/{name}\n"
        f"prunetune export runs/{name}                 # the network, and best.yaml\n"
        f"prunetune trial runs/{name}/export/best.yaml # that one trial again"
    )
    return html.section(
        "How to run it again",
        html.preformatted(commands),
        html.folded("study.yaml, as it was run", html.preformatted(results.study.to_yaml())),
    )


def _distinct(values: list[Any]) -> list[Any]:
    """Each value once, in the order of first appearance."""
    found = {json.dumps(value, sort_keys=True, default=str): value for value in values}
    return list(found.values())


def _joined(values: list[Any]) -> str:
    return "; ".join(str(value) for value in dict.fromkeys(values))
