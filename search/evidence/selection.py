"""Which network to take away: every state of every trial is a candidate, and validation chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.errors import UserError
from search.evidence.arm_summary import summarise_arm
from search.evidence.comparison import require_finished
from search.run.candidates import Candidate, all_candidates
from search.run.results import RunResults
from search.run.trials import RecordedTrial


@dataclass(frozen=True)
class Budget:
    """What the network may cost; `max_macs` up to 1 is a share of the dense network, above a count."""

    max_macs: float | None = None
    max_params: float | None = None
    max_latency_ms: float | None = None

    @property
    def is_open(self) -> bool:
        return self.max_macs is None and self.max_params is None and self.max_latency_ms is None

    @property
    def text(self) -> str:
        """The options that ask for it."""
        bounds = {"macs": self.max_macs, "params": self.max_params, "latency-ms": self.max_latency_ms}
        return " ".join(f"--max-{name} {most:g}" for name, most in bounds.items() if most is not None)


def choose(
    results: RunResults, budget: Budget, arm: str | None = None, latency_of: Callable[[Candidate], float] | None = None
) -> Candidate:
    """The network to export: without a budget the best configuration's last state, else the best within it.

    `latency_of` measures milliseconds; it is asked from the best candidate down, only until one is fast enough.
    Raises UserError where nothing has finished, or naming the nearest state where none meets the budget.
    """
    candidates = all_candidates(results, arm)
    if budget.is_open:
        require_finished(results)
        return _last_of_best(results, arm)
    usable = [one for one in candidates if one.file]
    if not usable:
        raise UserError(f"{results.run}: no state's network is there to export; run `prunetune resume {results.run}`")
    within = [one for one in usable if _meets(one, budget)]
    if not within:
        gone = [one for one in candidates if not one.file and _meets(one, budget)]
        raise UserError(_nearest_message(results, usable, budget) + _gone_text(gone))
    ranked = sorted(within, key=lambda one: (-one.state.val_accuracy, one.state.macs, one.name))
    if budget.max_latency_ms is None:
        return ranked[0]
    assert latency_of is not None
    return _first_fast_enough(results, ranked, budget, latency_of)


def passed_over(results: RunResults, chosen: Candidate, budget: Budget, arm: str | None = None) -> Candidate | None:
    """The better state within the budget that was not chosen since its network was not kept, if there is one."""
    if budget.is_open or budget.max_latency_ms is not None:
        return None
    gone = [one for one in all_candidates(results, arm) if one.file is None and _meets(one, budget)]
    best = max(gone, key=lambda one: one.state.val_accuracy, default=None)
    return best if best and best.state.val_accuracy > chosen.state.val_accuracy else None


def _meets(candidate: Candidate, budget: Budget) -> bool:
    macs = candidate.macs_share if (budget.max_macs or 0) <= 1 else candidate.state.macs
    fits_macs = budget.max_macs is None or macs <= budget.max_macs * (1 + 1e-12)
    return fits_macs and (budget.max_params is None or candidate.state.params <= budget.max_params)


def _nearest_message(results: RunResults, usable: Sequence[Candidate], budget: Budget) -> str:
    def excess(one: Candidate) -> float:
        macs = one.macs_share if (budget.max_macs or 0) <= 1 else one.state.macs
        over_macs = macs / budget.max_macs if budget.max_macs else 0.0
        return max(over_macs, one.state.params / budget.max_params if budget.max_params else 0.0)

    nearest = min(usable, key=lambda one: (excess(one), -one.state.val_accuracy))
    return (
        f"{results.run}: no state meets {budget.text}; the nearest is {nearest.name} with {nearest.state.params} "
        f"parameters and {nearest.state.macs} MACs ({nearest.macs_share:.3f} of dense)"
    )


def _gone_text(gone: Sequence[Candidate]) -> str:
    if not gone:
        return ""
    best = max(gone, key=lambda one: one.state.val_accuracy)
    return f"; {best.name} meets it, but its network was not kept (see retention.states in the run's study.yaml)"


def _first_fast_enough(
    results: RunResults, ranked: Sequence[Candidate], budget: Budget, latency_of: Callable[[Candidate], float]
) -> Candidate:
    limit = budget.max_latency_ms or 0.0
    fastest: tuple[float, Candidate] | None = None
    for candidate in _by_structure(ranked):
        latency = latency_of(candidate)
        if latency <= limit:
            return candidate
        if fastest is None or latency < fastest[0]:
            fastest = (latency, candidate)
    assert fastest is not None
    raise UserError(
        f"{results.run}: no state meets {budget.text}; the nearest is {fastest[1].name} at {fastest[0]:.3f} ms"
    )


def _by_structure(ranked: Sequence[Candidate]) -> list[Candidate]:
    """Better first; of those that cost as many MACs, or more than a better one, only what could be faster is kept."""
    kept: list[Candidate] = []
    for candidate in ranked:
        if not kept or candidate.state.macs < min(one.state.macs for one in kept):
            kept.append(candidate)
    return kept


def _last_of_best(results: RunResults, arm: str | None) -> Candidate:
    trial = best_configuration(results, arm)
    return Candidate(trial, trial.last)


def best_configuration(results: RunResults, arm: str | None = None) -> RecordedTrial:
    """The trial whose last state is the run's best network.

    The arm with the highest confirmed validation mean, and of its confirm trials the best on validation; without a
    confirm phase the best search trial. Controls compete only where there is nothing else.
    """
    controls = set(results.study.control_arms())
    names = [arm] if arm else [name for name in results.arm_names if name not in controls] or results.arm_names
    confirmed = {name: summarise_arm(results, name, "val_accuracy", 0.05).confirmed for name in names}
    ranked = [(value.mean, name) for name, value in confirmed.items() if value]
    finished = results.confirmed(max(ranked)[1]) if ranked else []
    if finished:
        return max(finished, key=lambda trial: trial.last.val_accuracy)
    best = results.best_of_arm(arm) if arm else results.best_of_run()
    if best is None:
        raise UserError(f"{results.run}: {f'arm {arm}' if arm else 'the run'} has no finished trial to export")
    return best
