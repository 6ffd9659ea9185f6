"""`MODEL_CARD.md`: what the network is, what it came from, what it measured, how to load it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models.save_load import LoadedModel
from search.evidence.final_test import images_right
from search.evidence.formats import short
from search.evidence.statistics import wilson_interval
from search.run.candidates import Candidate
from search.run.results import RunResults
from search.run.trials import dense_macs, states_of


def model_card(
    results: RunResults, candidate: Candidate, parts: LoadedModel, provenance: dict[str, Any], checks: dict[str, Any]
) -> str:
    """The card's Markdown. `checks` are the exporter's measurements."""
    spec, state = parts.spec, candidate.state
    dense = states_of(candidate.view)[0]
    channels, height, width = spec.input_shape
    last = state.state == states_of(candidate.view)[-1].state
    return f"""# {results.study.name}: {spec.arch}, {state.removed_percent:.1f} % removed

A `{spec.arch}` cut down by structured pruning (`{candidate.view.config["prune"]["method"]}`, state {state.state} of \
trial `{candidate.view.id}`) for `{candidate.view.config["data"]["name"]}`, {spec.num_classes} classes. \
{_choice(provenance)}

Input: float32 images (batch, {channels}, {height}, {width}) with values in 0..1, normalised with {_normalisation(parts)}. \
Output: one logit per class.

## Measured

{_table(_measures(candidate, dense.val_accuracy, dense.params, checks, last))}

Latency is the median for one image at a time on {checks["processor"]}, {checks["threads"]} thread.

## What is left

{_table(_kept(parts))}

## From which weights

{_weights(provenance["weights"])}

Data: `{provenance["data"].get("name")}`, digest `{provenance["data"].get("digest")}`. \
Trained at commit `{provenance["commit"]}` with {_versions(provenance["versions"])}.

## How to load it

```python
import models                                   # prunetune installed
network = models.load("model.safetensors")
```

`model.pt2` opens with `torch.export.load("model.pt2").module()`, `model.onnx` (input `images`, output `logits`) with \
onnxruntime; neither needs prunetune, and both take any batch size. Against torch they differ by at most \
{checks["pt2_difference"]:.1g} and {checks["onnx_difference"]:.1g}. `python load_example.py` runs all three.

`prunetune trial best.yaml` trains the whole trial again.
"""


def _choice(provenance: dict[str, Any]) -> str:
    return (
        f"Validation accuracy chose it from {provenance['chosen_from_states']} states of the run "
        f"`{provenance['run']}`; the test images had no part in that."
    )


def _normalisation(parts: LoadedModel) -> str:
    values = parts.metadata.get("normalisation")
    if not values:
        return "nothing recorded"
    mean, std = (", ".join(f"{value:.6g}" for value in values[part]) for part in ("mean", "std"))
    return f"mean ({mean}) and standard deviation ({std})"


def _measures(
    candidate: Candidate, dense_accuracy: float, dense_params: int, checks: dict[str, Any], last: bool
) -> list[list[str]]:
    state = candidate.state
    dense = dense_macs(candidate.view)
    scratch = candidate.view.config["prune"]["method"] == "scratch"
    before = "–" if scratch else f"{100 * dense_accuracy:.2f} %"
    parameters = "–" if scratch else f"{dense_params:,}"
    test = f"{100 * state.test_accuracy:.2f} %"
    if last and (right := images_right(candidate.view)):
        low, high = wilson_interval(sum(right), len(right))
        test += f" [{100 * low:.2f}, {100 * high:.2f}], {len(right)} images"
    return [
        ["", "this network", "dense network"],
        ["validation accuracy", f"{100 * state.val_accuracy:.2f} %", f"{before} (state 0)"],
        ["test accuracy", test, "–"],
        ["parameters", f"{state.params:,}", parameters],
        ["MACs per image", short(state.macs), f"{short(dense)} ({100 * candidate.macs_share:.1f} % left)"],
        ["latency, ms", f"{checks['latency_ms']:.3f}", f"{checks['dense_latency_ms']:.3f}"],
    ]


def _kept(parts: LoadedModel) -> list[list[str]]:
    kept, total = parts.structure.kept_of_kind(), parts.structure.total_of_kind()
    return [["units", "kept", "of"], *[[f"{kind}s", f"{kept[kind]:,}", f"{total[kind]:,}"] for kind in total]]


def _weights(weights: dict[str, Any]) -> str:
    provenance = weights.get("provenance") or {}
    lines = [
        f"Verdict: **{weights.get('verdict')}**. Origin: `{provenance.get('origin')}`. Digest: `{weights.get('digest')}`.",
        *[f"- {line}" for line in weights.get("evidence") or ()],
        *[f"- warning: {line}" for line in weights.get("warnings") or ()],
    ]
    return "\n".join(lines)


def _versions(versions: dict[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items() if version)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *[f"| {' | '.join(row)} |" for row in body]]
    return "\n".join(lines)
