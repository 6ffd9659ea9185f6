"""`MODEL_CARD.md`: what the network is, what it came from, what it measured, how to load it."""

from __future__ import annotations

import re
from typing import Any

from models.export import CHECKED_BATCHES
from models.networks.variants import known_as
from models.save_load import LoadedModel
from models.units.reach import reach_text
from models.units.structure import WORDS
from search.evidence.by_class import ClassAccuracy, accuracy_by_class
from search.evidence.formats import percent, short
from search.evidence.paired.images import images_right
from search.evidence.statistics import wilson_interval
from search.export.beside_dense import beside_dense_text, equally_long
from search.export.deployed import Deployed
from search.run.candidates import Candidate
from search.run.results import RunResults
from search.run.warnings import warnings_of
from search.templates import environment
from trainables.config.trial import TrialConfig
from trainables.teaching.knowledge import Knowledge

MOST_NAMED = 20
"""Classes that a card names one by one."""
LOWEST_SHOWN = 10


def model_card(
    results: RunResults,
    candidate: Candidate,
    parts: LoadedModel,
    told: Deployed,
    provenance: dict[str, Any],
    checks: dict[str, Any],
    chosen: str | None,
) -> str:
    """The card's Markdown. `checks` are the exporter's measurements; `chosen` as in `export`."""
    # Nothing is escaped: this is Markdown, not HTML.
    equal = equally_long(results, candidate)
    template = environment("search.export", "").get_template("model_card.md.j2")
    return template.render(
        study=results.study.name,
        trial=candidate.trial.id,
        config=candidate.trial.config,
        arm=candidate.trial.identity.arm,
        network=known_as(parts.spec.arch, parts.spec.args),
        whole=is_whole(parts),
        spec=parts.spec,
        of_user=parts.architecture is not None,
        state=candidate.state,
        macs_share=candidate.macs_share,
        test_accuracy=_test_accuracy(candidate),
        dense=_dense(candidate),
        equal=equal,
        beside_dense=beside_dense_text(candidate, equal),
        names=told.class_names,
        classes=_classes(told, parts.spec.num_classes),
        by_class=rows_by_class(candidate, told),
        preprocessing=told.preprocessing,
        removed_of_all=candidate.removed_of_all_percent,
        reach=_reach(candidate),
        words=WORDS,
        kept_of_kind=parts.structure.kept_of_kind(),
        total_of_kind=parts.structure.total_of_kind(),
        warnings=_warnings(candidate, provenance),
        versions=", ".join(f"{name} {version}" for name, version in provenance["versions"].items() if version),
        provenance=provenance,
        taught=Knowledge.from_json(provenance["teacher"]["probe"]).text() if "teacher" in provenance else "",
        chosen=chosen,
        checks=checks,
        batches=CHECKED_BATCHES,
        percent=percent,
        short=short,
    )


def _classes(told: Deployed, count: int) -> str:
    """In the order of the logits: all of them, or how many and where they stand."""
    names = told.class_names
    if names is None:
        return f"{count}; class names were not recorded, so a logit's place from 0 is all that is known of its class"
    if len(names) <= MOST_NAMED:
        return ", ".join(f"{label} {literal(name)}" for label, name in enumerate(names))
    return (
        f"{count}, from 0 {literal(names[0])} to {count - 1} {literal(names[-1])}; all of them stand, as `class_names`, in the "
        "header of model.safetensors, in the metadata of model.onnx and in the extra files of model.pt2"
    )


def rows_by_class(candidate: Candidate, told: Deployed) -> dict[str, Any]:
    """Rows of a table, the lowest first where there are many classes, and of how many classes they are chosen."""
    found = accuracy_by_class(candidate)
    many = len(found) > MOST_NAMED
    shown = sorted(found, key=lambda one: one.accuracy)[:LOWEST_SHOWN] if many else found
    return {"rows": [_row(one, told) for one in shown], "of": len(found) if many else None}


def _row(one: ClassAccuracy, told: Deployed) -> str:
    low, high = one.interval
    other = "–" if one.mistaken_for is None else literal(told.name(one.mistaken_for))
    cells = [
        literal(told.name(one.label)),
        str(one.images),
        f"{percent(one.accuracy)} [{100 * low:.1f}, {100 * high:.1f}]",
        other,
    ]
    return "| " + " | ".join(cells) + " |"


def literal(text: str) -> str:
    """A text, such as a folder's name, as Markdown shows it as it is: on one line, within one cell of a table."""
    one_line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`|*])", r"\\\1", one_line)


def is_whole(parts: LoadedModel) -> bool:
    """Whether nothing was removed, so that the network is its own dense network."""
    return parts.structure.kept_of_kind() == parts.structure.total_of_kind()


def _reach(candidate: Candidate) -> str | None:
    """What could be removed, and what was left whole; None where the trial's record is too old to tell."""
    reach = candidate.trial.reach
    if reach is None:
        return None
    return reach_text(TrialConfig.model_validate(candidate.trial.config).prune.target, reach)


def _test_accuracy(candidate: Candidate) -> str:
    """With its interval where the predictions on each image were kept, which is of the last state only."""
    text = percent(candidate.state.test_accuracy)
    last = candidate.state.state == candidate.trial.last.state
    if not last or not (right := images_right(candidate.trial)):
        return text
    low, high = wilson_interval(sum(right), len(right))
    return f"{text} [{100 * low:.2f}, {100 * high:.2f}], {len(right)} images"


def _warnings(candidate: Candidate, provenance: dict[str, Any]) -> list[str]:
    """Of the trial up to the chosen state; those about the weights stand with the weights."""
    of_weights = provenance["weights"].get("warnings", ())
    return [text for text in warnings_of(candidate.trial, candidate.state.state) if text not in of_weights]


def _dense(candidate: Candidate) -> dict[str, Any]:
    """The network before anything was removed; a `scratch` trial never trained it."""
    scratch = candidate.trial.traits.from_scratch
    first = candidate.trial.states[0]
    return {
        "val_accuracy": "–" if scratch else percent(first.val_accuracy),
        "epochs": "–" if scratch else first.epochs,
        "params": "–" if scratch else f"{first.params:,}",
        "macs": candidate.trial.dense_macs,
    }
