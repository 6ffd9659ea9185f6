"""Which network to take away: every state of every trial is a candidate, chosen on validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.errors import UserError
from search.evidence.comparison import require_finished
from search.evidence.formats import counted
from search.run.best import best_confirmed, competing, confirmed_configurations, criterion, no_winner
from search.run.candidates import Candidate, all_candidates
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from search.study.claims import folds_of


@dataclass(frozen=True)
class Budget:
    """What the network may cost; `max_macs` up to 1 is a share of the dense network, above a count."""

    max_macs: float | None = None
    max_params: float | None = None
    max_latency_ms: float | None = None

    @property
    def is_open(self) -> bool:
        return self == Budget()

    @property
    def text(self) -> str:
        """The options that ask for it."""
        bounds = {"macs": self.max_macs, "params": self.max_params, "latency-ms": self.max_latency_ms}
        return " ".join(f"--max-{name} {most:g}" for name, most in bounds.items() if most is not None)

    def allows(self, candidate: Candidate) -> bool:
        return self.used(candidate) <= 1 + 1e-12

    def used(self, candidate: Candidate) -> float:
        """The larger share of the allowed MACs and parameters that a candidate has: at most 1 within the budget."""
        state = candidate.state
        macs = candidate.macs_share if (self.max_macs or 0) <= 1 else state.macs
        return max(
            macs / self.max_macs if self.max_macs else 0.0, state.params / self.max_params if self.max_params else 0.0
        )


def choose(
    results: RunResults, budget: Budget, arm: str | None = None, latency_of: Callable[[Candidate], float] | None = None
) -> Candidate:
    """The network to export: without a budget the best configuration's last state, else the most accurate within it.

    Of equally accurate states the smaller, then the earlier configuration's.

    `latency_of` measures milliseconds; it is asked from the best candidate down, only until one is fast enough.
    Raises UserError where nothing has finished, or naming the nearest state where none meets the budget.
    """
    candidates = all_candidates(results, arm)
    if budget.is_open:
        require_finished(results)
        best = best_configuration(results, arm)
        return Candidate(best, best.last)
    usable = [one for one in candidates if one.file]
    if not usable:
        raise UserError(f"{results.run}: no state's network is there to export; run `prunetune resume {results.run}`")
    within = [one for one in usable if budget.allows(one)]
    if not within:
        gone = [one for one in candidates if not one.file and budget.allows(one)]
        raise UserError(_nearest_message(results, usable, budget) + _gone_text(gone))
    ranked = sorted(within, key=_most_accurate)
    if budget.max_latency_ms is None:
        return ranked[0]
    assert latency_of is not None
    return _first_fast_enough(results, ranked, budget, latency_of)


def passed_over(results: RunResults, chosen: Candidate, budget: Budget, arm: str | None = None) -> Candidate | None:
    """The better state within the budget that was not chosen since its network was not kept, if there is one."""
    if budget.is_open or budget.max_latency_ms is not None:
        return None
    gone = [one for one in all_candidates(results, arm) if one.file is None and budget.allows(one)]
    best = min(gone, key=_most_accurate, default=None)
    return best if best and best.state.val_accuracy > chosen.state.val_accuracy else None


def _most_accurate(candidate: Candidate) -> tuple[float, ...]:
    """Less is better; for a stable sort of candidates in the run's order."""
    return (-candidate.state.val_accuracy, candidate.state.macs, candidate.trial.identity.number)


def _nearest_message(results: RunResults, usable: Sequence[Candidate], budget: Budget) -> str:
    nearest = min(usable, key=lambda one: (budget.used(one), _most_accurate(one)))
    return (
        f"{results.run}: no state meets {budget.text}; the nearest is {nearest.name} with {nearest.state.params} "
        f"parameters and {nearest.state.macs} MACs ({nearest.macs_share:.3f} of dense)"
    )


def _gone_text(gone: Sequence[Candidate]) -> str:
    if not gone:
        return ""
    best = min(gone, key=_most_accurate)
    return f"; {best.name} meets it, but its network was not kept (see retention.states in the run's study.yaml)"


def _first_fast_enough(
    results: RunResults, ranked: Sequence[Candidate], budget: Budget, latency_of: Callable[[Candidate], float]
) -> Candidate:
    slow: list[tuple[float, str]] = []
    for candidate in _by_structure(ranked):
        latency = latency_of(candidate)
        if latency <= (budget.max_latency_ms or 0.0):
            return candidate
        slow.append((latency, candidate.name))
    latency, nearest = min(slow, key=lambda one: one[0])
    raise UserError(f"{results.run}: no state meets {budget.text}; the nearest is {nearest} at {latency:.3f} ms")


def _by_structure(ranked: Sequence[Candidate]) -> list[Candidate]:
    """Better first; of those that cost as many MACs, or more than a better one, only what could be faster is kept."""
    kept: list[Candidate] = []
    for candidate in ranked:
        if not kept or candidate.state.macs < kept[-1].state.macs:
            kept.append(candidate)
    return kept


@dataclass(frozen=True)
class Choice:
    """How a network was chosen without a budget: `criterion` in words, which judges a configuration by its mean over `seeds`,
    and of how many configurations that were searched."""

    criterion: str
    configurations: int
    confirmed: int = 0
    """Of how many configurations that were confirmed; 0 where the search's own trials decided."""
    confirm_trials: int = 0
    """Of all of them."""
    seeds: int = 1
    """The finished ones of the configuration that is best by its mean."""
    searches: int = 1
    """Each with a validation split of its own, of which one may be easier than another."""
    folds: int = 1
    """The same of folds: a configuration is an arm on one of them."""

    @property
    def text(self) -> str:
        """`by highest mean validation accuracy of 4 confirmed configurations (after a search of 12), then the best of its 3
        seeds`."""
        apart = {"searches": self.searches, "folds": self.folds}
        told = [f"{count} {what}" for what, count in apart.items() if count > 1]
        splits = f" (of {' and '.join(told)}, each on validation images of its own)" if told else ""
        return f"by {self.criterion} {self._among}{splits}{self._seed}"

    @property
    def _among(self) -> str:
        if not self.confirmed:
            return f"from {counted(self.configurations, 'configuration')}"
        return f"of {counted(self.confirmed, 'confirmed configuration')} (after a search of {self.configurations})"

    @property
    def _seed(self) -> str:
        """Which of the configuration's networks."""
        if self.seeds > 1:
            return f", then the {'best' if self.confirmed else 'lowest'} of its {self.seeds} seeds"
        return ", on one seed" if self.confirmed else ""


def choice_of(results: RunResults, arm: str | None = None) -> Choice:
    """How `final_trial` of an arm or of the run is chosen."""
    trials = results.of_competing(arm)
    searched = [one.identity for one in competing(trials) if one.record is not None]
    begun = {(one.arm, one.replicate, one.number) for one in searched}
    search, confirmed = results.study.search, confirmed_configurations(trials)
    searched_seeds = len(search.seeds) if search.seeds else 1
    return Choice(
        criterion(search, of_means=max(map(len, confirmed), default=searched_seeds) > 1),
        configurations=len(begun),
        confirmed=len(confirmed),
        confirm_trials=sum(map(len, confirmed)),
        seeds=_seeds_of_best(results, confirmed, arm) if confirmed else searched_seeds,
        searches=search.replicates,
        folds=_folds(results),
    )


def _seeds_of_best(results: RunResults, confirmed: Sequence[Sequence[RecordedTrial]], arm: str | None) -> int:
    best = final_trial(results, arm)
    return next((len(group) for group in confirmed if best in group), 0)


def _folds(results: RunResults) -> int:
    return len(folds_of(results.study)) if results.study.compare.claim == "folds" else 1


def how_chosen(results: RunResults, budget: Budget, arm: str | None = None) -> str:
    """How `choose` came to its network, as the rest of "it was chosen …"."""
    of_arm = f" of arm {arm}" if arm else ""
    if budget.is_open:
        return choice_of(results, arm).text + of_arm
    states = counted(len(all_candidates(results, arm)), "state")
    return f"by highest validation accuracy within {budget.text} from {states}{of_arm}"


def best_configuration(results: RunResults, arm: str | None = None) -> RecordedTrial:
    """The trial whose last state is the best network, of one arm or of the run. UserError where there is none."""
    best = final_trial(results, arm)
    if best is not None:
        return best
    of_arm = f" of arm {arm}" if arm else ""
    raise UserError(
        f"{results.run}: no network{of_arm} to take: {why_nothing(results, arm)}; one can be named with --state TRIAL:K"
    )


def why_nothing(results: RunResults, arm: str | None = None) -> str:
    """Why `final_trial` finds nothing."""
    trials = results.of_competing(arm)
    confirmed = [trial for trial in trials if trial.identity.phase == "confirm" and trial.finished]
    return no_winner(confirmed or trials, results.study.search)


def final_trial(results: RunResults, arm: str | None = None) -> RecordedTrial | None:
    """The same, or None where nothing can be chosen.

    The confirmed configuration that is best by its mean, and of its confirm trials the best; where none has finished, the best
    search trial. Controls compete only in a run that has nothing else.
    """
    trials = results.of_competing(arm)
    if any(trial.identity.phase == "confirm" and trial.finished for trial in trials):
        return best_confirmed(trials, results.study.search)
    return results.best_of_arm(arm) if arm else results.best_of_run()
