"""`MODEL_CARD.md`: what the network is, what it came from, what it measured, how to load it."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from models.networks.variants import known_as
from models.save_load import LoadedModel
from models.units.reach import reach_text
from models.units.structure import WORDS
from search.evidence.formats import percent, short
from search.evidence.paired.images import images_right
from search.evidence.statistics import wilson_interval
from search.run.candidates import Candidate
from search.run.results import RunResults
from search.run.warnings import warnings_of
from trainables.config.trial import TrialConfig
from trainables.teaching.knowledge import Knowledge


def model_card(
    results: RunResults,
    candidate: Candidate,
    parts: LoadedModel,
    provenance: dict[str, Any],
    checks: dict[str, Any],
    chosen: str | None,
) -> str:
    """The card's Markdown. `checks` are the exporter's measurements; `chosen` as in `export`."""
    # Nothing is escaped: this is Markdown, not HTML.
    environment = Environment(
        loader=PackageLoader("search.export", ""),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("model_card.md.j2").render(
        study=results.study.name,
        trial=candidate.trial.id,
        config=candidate.trial.config,
        arm=candidate.trial.identity.arm,
        network=known_as(parts.spec.arch, parts.spec.args),
        whole=is_whole(parts),
        spec=parts.spec,
        state=candidate.state,
        macs_share=candidate.macs_share,
        test_accuracy=_test_accuracy(candidate),
        dense=_dense(candidate),
        head_start=head_start_text(results, candidate),
        removed_of_all=candidate.removed_of_all_percent,
        reach=_reach(candidate),
        words=WORDS,
        kept_of_kind=parts.structure.kept_of_kind(),
        total_of_kind=parts.structure.total_of_kind(),
        warnings=_warnings(candidate, provenance),
        normalisation=parts.metadata.get("normalisation"),
        versions=", ".join(f"{name} {version}" for name, version in provenance["versions"].items() if version),
        provenance=provenance,
        taught=Knowledge.from_json(provenance["teacher"]["probe"]).text() if "teacher" in provenance else "",
        chosen=chosen,
        checks=checks,
        percent=percent,
        short=short,
    )


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
        "params": "–" if scratch else f"{first.params:,}",
        "macs": candidate.trial.dense_macs,
    }


def head_start_text(results: RunResults, candidate: Candidate) -> str | None:
    """That its dense network was trained for fewer epochs, and what an equally long one reached; None where it was not.

    State 0 is where a trial's pruning begins. A small network that was trained on for several times as long and comes near it
    has not been shown to have kept what the dense one can.
    """
    trial, state = candidate.trial, candidate.state
    first = trial.states[0]
    if trial.traits.from_scratch or state.epochs <= first.epochs:
        return None
    said = (
        f"The dense network is this trial's own state 0, trained for {first.epochs} epochs where this network was trained for "
        f"{state.epochs}: part of the difference between them is training and not pruning."
    )
    for arm in results.arm_names:
        trials = [one for one in results.representatives(arm) if not one.traits.needs_units]
        found = [end.val_accuracy for one in trials for end in one.states if end.epochs == state.epochs]
        if found and len(found) == len(trials):
            basis = f"mean of {len(found)} trials" if len(found) > 1 else f"trial {trials[0].id}"
            reached = f"{percent(fmean(found))} validation ({basis})"
            return f"{said} Trained for as long with nothing removed, arm `{arm}` has {reached}."
    return f"{said} No arm of the run was trained for as long with nothing removed."
