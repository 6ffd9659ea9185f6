"""What a run rests on: weights and their evidence, data, versions, commit, hardware; and how to run it again."""

from __future__ import annotations

import json
from typing import Any

from search.report import html
from search.results import RunResults


def provenance_section(results: RunResults) -> str:
    headers = [view.record.header for view in results.trials if view.record]
    if not headers:
        return ""
    weights = _distinct([header["weights"] for header in headers])
    parts = [html.facts(_facts(headers))]
    for index, one in enumerate(weights):
        which = f" ({index + 1} of {len(weights)})" if len(weights) > 1 else ""
        parts.append(f"<h3>Initial weights{which}</h3>")
        parts.append(html.facts(_weights_facts(one)))
    return html.section("What it rests on", *parts)


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


def _weights_facts(weights: dict[str, Any]) -> dict[str, str]:
    provenance = weights.get("provenance") or {}
    facts = {
        "verdict": str(weights.get("verdict")),
        "origin": str(provenance.get("origin")),
        "digest": str(weights.get("digest")),
        "evidence": "; ".join(weights.get("evidence") or ()) or "none",
    }
    if weights.get("warnings"):
        facts["warnings"] = "; ".join(weights["warnings"])
    return facts


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
