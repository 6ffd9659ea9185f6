"""What a reader of a run's figures has to know: what is odd about its arms, and the warnings in its trials' records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from search.run.results import RunResults
from search.run.trials import RecordedTrial
from search.study.claims import OF_SEARCH
from search.study.compared.arms import arm_warnings
from search.study.compared.starts import Start, start_warnings
from trainables.config.origins import SMALL_VALIDATION


@dataclass(frozen=True)
class RunWarning:
    """`text` is the first trial's; the others, of the same arm and subject, may differ in their figures.

    Without an arm, and without trials, it is about the study.
    """

    arm: str | None
    text: str
    trials: tuple[str, ...] = ()

    def line(self) -> str:
        """`rsst: the penalty did not act: … (rsst-000 and 3 more trials)`."""
        if self.arm is None:
            return self.text
        first, *others = self.trials
        more = f" and {len(others)} more trial{'' if len(others) == 1 else 's'}" if others else ""
        return f"{self.arm}: {self.text} ({first}{more})"

    def to_json(self) -> dict[str, Any]:
        return {"arm": self.arm, "text": self.text, "trials": list(self.trials)}


def warnings_of(trial: RecordedTrial, last_state: int | None = None) -> list[str]:
    """Of the whole trial, then of its states, those after `last_state` left out."""
    if trial.record is None:
        return []
    counted = [end for end in trial.states if last_state is None or end.state <= last_state]
    of_states = [f"state {end.state}: {text}" for end in counted for text in end.warnings]
    return [*trial.record.header.get("warnings", ()), *of_states]


def all_warnings(results: RunResults) -> list[RunWarning]:
    """About the study's arms, then those of every trial; not of images by which a study chooses and judges nothing."""
    compare = results.study.compare
    by_validation = compare.claim not in OF_SEARCH or compare.metric == "val_accuracy"
    found = [one for one in run_warnings(results.trials) if by_validation or _subject(one.text) != SMALL_VALIDATION]
    of_study = [*arm_warnings(results.study), *start_warnings(results.study, _starts(results))]
    return [*(RunWarning(None, text) for text in of_study), *found]


def _starts(results: RunResults) -> Iterator[Start]:
    """Of each arm, on each set of images, one trial that begins with weights; `scratch` takes a structure alone."""
    known = set()
    for trial in results.trials:
        header = trial.record.header if trial.record else {}
        if not header.get("weights") or not header.get("data") or trial.traits.from_scratch:
            continue
        place = (trial.identity.arm, header["data"].get("digest"))
        if place not in known:
            known.add(place)
            yield Start(trial.identity.arm, header["weights"], header["data"])


def run_warnings(trials: Iterable[RecordedTrial]) -> list[RunWarning]:
    """One for each arm and subject; a warning's subject is its text up to the first colon, without the state."""
    found: dict[tuple[str, str], tuple[str, dict[str, None]]] = {}
    for trial in trials:
        for text in warnings_of(trial):
            key = (trial.identity.arm, _subject(text))
            found.setdefault(key, (text, {}))[1][trial.id] = None
    return [RunWarning(arm, text, tuple(ids)) for (arm, _), (text, ids) in found.items()]


def _subject(text: str) -> str:
    plain = text.split(": ", 1)[1] if text.startswith("state ") else text
    return plain.split(": ", 1)[0]


def warning_lines(warnings: Iterable[RunWarning]) -> list[str]:
    """As a terminal shows them."""
    return [f"warning: {warning.line()}" for warning in warnings]
