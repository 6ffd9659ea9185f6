"""By which rule a run's confirm trials may be tested: once, at the looks that the study states, or at any time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from search.evidence.growth.evalues import evidence
from search.evidence.growth.sequential import sequential_flips
from search.evidence.paired.units import PLACES
from search.evidence.statistics import PairedTest, subset_means
from search.run.files.manifest_file import read_manifest
from search.run.folder import RunFolder
from search.run.plan import outstanding_trials, plan_of
from search.run.results import RunResults, with_confirm_seeds
from search.run.trials import RecordedTrial
from search.study.claims import folds_of
from search.study.sections import Claim

Rule = Literal["fixed", "looks", "any time"]


@dataclass(frozen=True)
class Reading:
    """How far the units of a run's claim (confirm seeds, mostly) are read, and by which rule.

    `order` are the units in the order in which the study names them, those that it grew by last. Under `looks` they go up to
    the last look that was reached, under `any time` up to the first unit of which a trial has not ended.
    """

    rule: Rule = "fixed"
    claim: Claim = "configurations"
    order: tuple[int, ...] = ()
    looks: tuple[int, ...] = ()
    """The looks reached so far, in seeds."""
    planned: int = 0
    """Seeds at the last look stated."""
    restarts: int = 0
    """How often the search was grown after the run began: each time another configuration may have been chosen."""
    grown: str = ""
    """By what the study was grown beyond what it stated."""
    stands: bool = False
    """Whether it may be claimed upon though the study is not complete: at a look, or at any time once the search is over."""

    def read(self, results: RunResults) -> RunResults:
        """The results without the trials of units that are not read yet."""
        if self.rule == "fixed":
            return results
        resting = {trial.id for arm in results.arm_names for trial in results.evidence(arm)}
        kept = [t for t in results.trials if t.id not in resting or _unit(self.claim, t) in self.order]
        return replace(results, trials=tuple(kept))

    def in_order(self, differences: Mapping[int, float]) -> list[float]:
        """Differences by unit, in the order in which the study names the units."""
        known = [differences[seed] for seed in self.order if seed in differences]
        return known if self.order else list(differences.values())

    def text(self) -> str:
        """`at the look at 8 of 32 seeds`; empty under `fixed`."""
        if self.rule == "looks":
            return f"at the look at {self.looks[-1]} of {self.planned} seeds"
        return "valid at any time" if self.rule == "any time" else ""


FIXED = Reading()


def reading_of(results: RunResults) -> Reading:
    """The rule that a run's history leaves. Before its first look, a study with looks is read as `fixed`: an interim look."""
    study, manifest = results.study, read_manifest(RunFolder(results.run))
    claim, confirm = study.compare.claim or "configurations", study.search.confirm
    stated, growths = _history(manifest, tuple(confirm.seeds) if confirm else ())
    stated = study.compare.seeds or stated
    order = _order(results, claim, stated)
    if claim == "folds":
        return Reading("fixed", claim, order)
    grown = [f"{key} {before} to {now}" for key, before, now in growths]
    beyond = [] if claim in ("tuned", "average") else [seed for seed in order if seed not in stated]
    if beyond:
        grown.append(f"seeds {beyond} beyond those stated")
    ended, over = _ended(results, claim, order), _search_is_over(results)
    if grown:
        # On average over recipes, a grown search has more of the same units; of any other claim it may change all of them.
        restarts = 0 if claim == "average" else len(growths)
        stands = over or claim == "average"
        return Reading("any time", claim, order[:ended], restarts=restarts, grown="; ".join(grown), stands=stands)
    looks = study.compare.looks or ()
    reached = tuple(look for look in looks if look <= ended)
    if reached and over:
        return Reading("looks", claim, order[: reached[-1]], reached, looks[-1], stands=True)
    return Reading("fixed", claim, order)


def _order(results: RunResults, claim: Claim, stated: Sequence[int]) -> tuple[int, ...]:
    """The claim's units in the order in which the study names them; confirm seeds that it grew by come last."""
    search = results.study.search
    if claim == "tuned":
        return tuple(range(search.replicates))
    if claim == "average":
        return tuple(range(search.trials_per_arm))
    if claim == "folds":
        return folds_of(results.study)
    run = sorted(trial.identity.seed for trial in results.trials if trial.identity.phase == "confirm")
    return tuple(dict.fromkeys((*stated, *(search.confirm.seeds if search.confirm else ()), *run)))


def _history(manifest: Mapping[str, Any], named: tuple[int, ...]) -> tuple[tuple[int, ...], list[tuple[str, int, int]]]:
    """The confirm seeds that the run had first, and the growths of its search since.

    A confirm phase where there was none is the first look and no growth, and so is what was searched before it.
    """
    first = manifest.get("study") or {}
    claim = (first.get("compare") or {}).get("claim")
    stated = tuple(((first.get("search") or {}).get("confirm") or {}).get("seeds", ()))
    begun, growths = not first or bool(stated) or claim == "average", []
    for step in manifest.get("grown", ()):
        before, now = step.get("confirm_seeds", [(), ()])
        if begun and "trials_per_arm" in step:
            growths.append(("trials_per_arm", *step["trials_per_arm"]))
        if before and claim == "tuned":
            # More seeds within each search are no further units: all of them change.
            growths.append(("confirm seeds of each search", len(before), len(now)))
        stated = stated or tuple(before) or tuple(now)
        begun = begun or bool(stated)
    return stated or named, growths


def paired_test(
    differences: Mapping[int, float], reading: Reading, margin: float, alpha: float, family: int
) -> PairedTest:
    """The test of differences by seed; `margin` is in their unit. `family` is how many are tested together at `alpha`."""
    values = reading.in_order(differences)
    if reading.rule == "any time":
        return evidence(values, margin, restarts=reading.restarts)
    if reading.rule == "looks":
        # A seed lost to divergence is a pair fewer at every look from there on.
        counts = {sum(seed in differences for seed in reading.order[:look]) for look in reading.looks}
        deciding = [alpha / (sides * tests) for tests in range(1, family + 1) for sides in (1, 2)]
        return sequential_flips(values, sorted(counts - {0}), reading.planned, levels=deciding)
    return subset_means(values)


def p_difference(test: PairedTest, mean: float) -> float:
    """The two-sided p-value of "no difference"; 1 where what was once found on one side has since turned to the other."""
    found, other = test.p_above(0.0), test.p_below(0.0)
    if mean < 0:
        found, other = other, found
    return test.p_two_sided() if found <= other else 1.0


def _search_is_over(results: RunResults) -> bool:
    return outstanding_trials(with_confirm_seeds(results.study, 0), results.trials) == 0


def _ended(results: RunResults, claim: Claim, order: Sequence[int]) -> int:
    """Of how many units, from the first on, every trial has ended; an arm without a choice has none in any."""
    ended = {trial.id for trial in results.trials if trial.ended}
    waiting = {_unit(claim, t) for arm in results.arm_names for t in results.evidence(arm) if not t.ended}
    waiting |= {unit for unit, trial_id in _wanted(results, claim, order) if trial_id not in ended}
    return next((n for n, unit in enumerate(order) if unit in waiting), len(order))


def _wanted(results: RunResults, claim: Claim, order: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Each unit with every trial in it that the study asks for."""
    if claim == "average":
        plans = plan_of(results.study)
        yield from ((unit, plan.search_id(unit, seed)) for unit in order for plan in plans for seed in plan.seeds)
    else:
        yield from ((one.replicate if claim == "tuned" else one.seed, one.id) for one in results.confirming)


def _unit(claim: Claim, trial: RecordedTrial) -> int:
    return PLACES[claim](trial, ())[0]
