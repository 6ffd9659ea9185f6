"""What each removal did to validation accuracy, and what its repair did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from search.evidence.formats import number, percent, points
from search.report.table import Table
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from trainables.files.record import StateEnd


def removal_table(results: RunResults) -> Table | None:
    """Accuracy just before and after each removal, with the repair where there was one, and the magnitude ratio: whether
    shrinking first made it harmless. None where nothing was removed."""
    heading = ["arm", "state", "before removal", "after removal", "lost, points", "kept/dropped magnitude"]
    repaired = ["repaired", "lost then, points", "layers' error, %"]
    found = list(_removals(results))
    if not found:
        return None
    rows = [[name, str(index), *_removed(ends)] for name, index, ends in found]
    if any(end.repair for _, _, ends in found for end in ends):
        heading += repaired
        rows = [[*row, *_repaired(ends)] for row, (_, _, ends) in zip(rows, found, strict=True)]
    return Table(heading, rows, "What each removal did, on validation: means over the trials shown")


def _removals(results: RunResults) -> Iterator[tuple[str, int, list[StateEnd]]]:
    """Arm or arm and recipe, state, and that state's end in each of its trials that removed something there."""
    for arm in results.arm_names:
        for name, known in results.by_recipe(arm).items():
            trials = [trial for trial in known if any(state.removal for state in trial.states)]
            yield from ((name, index, ends) for index, ends in enumerate(_ends(trials)) if ends)


def _ends(trials: Sequence[RecordedTrial]) -> Iterator[list[StateEnd]]:
    return ([end for end in ends if end.removal] for ends in zip(*[trial.states for trial in trials], strict=False))


def _removed(ends: Sequence[StateEnd]) -> list[str]:
    before, after, ratio = (
        _mean(ends, key) or 0.0 for key in ("val_accuracy_before", "val_accuracy_after", "magnitude_ratio")
    )
    return [percent(before), percent(after), points(before - after, sign=False), f"{ratio:.3g}"]


def _repaired(ends: Sequence[StateEnd]) -> list[str]:
    before, repaired = _mean(ends, "val_accuracy_before"), _mean(ends, "val_accuracy_repaired")
    lost = None if before is None or repaired is None else before - repaired
    layers = (told["error_repaired"] for end in ends for told in (end.repair or {}).values())
    errors = [error for error in layers if error is not None]
    return [percent(repaired), points(lost, sign=False), number(100 * fmean(errors) if errors else None, "{:.1f}")]


def _mean(ends: Sequence[StateEnd], key: str) -> float | None:
    values = [removal[key] for end in ends if (removal := end.removal) and key in removal]
    return fmean(values) if values else None
