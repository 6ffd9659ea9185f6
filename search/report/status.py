"""How a run stands, as text and as one JSON object. Never test accuracy, and nothing heavy to import."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from search.evidence.winner import settings_text
from search.report.dense_start import dense_start_json, dense_start_lines
from search.run.best import criterion, is_plain, no_winner
from search.run.results import RunResults
from search.run.trials import RecordedTrial
from search.run.warnings import all_warnings, warning_lines
from trainables.files.remote.address import with_urls

STATE_METRICS = ("state", "val_accuracy", "val_loss", "removed_percent", "params", "macs")


def status_text(results: RunResults) -> str:
    """What `prunetune status` prints: a line per trial, then each arm's best, warnings, and what is left to do."""
    width = max((len(trial.id) for trial in results.trials), default=0)
    lines = [f"{trial.id:<{width}}  {_trial_text(trial)}" for trial in results.trials]
    arms = [_arm_text(results, arm) for arm in results.study.arms]
    first = dense_start_lines(results)
    return "\n".join(
        [*first, *lines, *arms, *warning_lines(all_warnings(results)), results.training.text(), _summary(results)]
    )


def _trial_text(trial: RecordedTrial) -> str:
    reason = f"  {trial.record.error}" if trial.record and trial.record.error else ""
    if not trial.states:
        return trial.status + reason
    last = trial.last
    return (
        f"{trial.status:<11} state {last.state} of {len(trial.epochs_of_states) - 1}  val {last.val_accuracy:.4f}  "
        f"removed {last.removed_percent:5.1f} %{_of_all(trial)}{reason}"
    )


def _of_all(trial: RecordedTrial) -> str:
    removed = trial.removed_of_all_percent(trial.last)
    return "" if removed is None else f" ({removed:4.1f} % of all)"


def _arm_text(results: RunResults, arm: str) -> str:
    best = results.best_of_arm(arm)
    statuses = Counter(trial.status for trial in results.of_arm(arm))
    counts = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())) or "no trial yet"
    search = results.study.search
    by = "" if is_plain(search) else f" by {criterion(search)}"
    chosen = (
        no_winner(results.of_arm(arm), search)
        if best is None
        else f"best{by} {best.id}, val {best.val_accuracy:.4f}{_chosen_text(results, best)}"
    )
    return f"{arm}: {chosen} ({counts})"


def _chosen_text(results: RunResults, best: RecordedTrial) -> str:
    """`, train.lr 9.4e-4`: with which settings; nothing where none was searched, or where a setting is a fold."""
    chosen = results.study.compare.claim != "folds" and best.values
    return f", {settings_text(best.values)}" if chosen else ""


def _summary(results: RunResults) -> str:
    left, run = results.outstanding, with_urls(str(results.run))
    if left == 0:
        return f"{run}: complete"
    if results.lost_driver is not None:
        return f"{left} trials to go; {results.lost_driver}: prunetune resume {run} --take-over"
    if results.driver is None:
        return f"{run}: {left} trials to go, nobody drives it; go on with: prunetune resume {run}"
    running = sum(trial.status == "running" for trial in results.trials)
    return f"{run}: {left} trials to go, {running} running, driven by process {results.driver}"


def status_json(results: RunResults) -> dict[str, Any]:
    """The JSON object of `sweep`, `resume` and `status`.

    `complete` says whether every trial that the study asks for has ended.
    """
    return {
        "run": str(results.run),
        "complete": results.complete,
        "state0": dense_start_json(results),
        "trials": [_trial_json(trial) for trial in results.trials],
        "best": _best_json(results.best_of_run()),
        "arms": {arm: _arm_json(results, arm) for arm in results.study.arms},
        "training": asdict(results.training),
        "warnings": [warning.to_json() for warning in all_warnings(results)],
    }


def _trial_json(trial: RecordedTrial) -> dict[str, Any]:
    identity = trial.identity
    return {
        "id": identity.id,
        "arm": identity.arm,
        "phase": identity.phase,
        "number": identity.number,
        "seed": identity.seed,
        "replicate": identity.replicate,
        "recipe": identity.recipe,
        "source": trial.source,
        "status": trial.status,
        "config": trial.config,
        "metrics": trial_metrics(trial),
    }


def trial_metrics(trial: RecordedTrial) -> dict[str, Any]:
    """What is known of a trial, at its last completed state; only the epochs and the error before the first."""
    if trial.record is None:
        return {}
    metrics: dict[str, Any] = {"epochs_total": len(trial.record.epochs)}
    if trial.states:
        metrics |= {name: getattr(trial.last, name) for name in STATE_METRICS}
    if trial.record.error:
        metrics["error"] = trial.record.error
    return metrics


def _arm_json(results: RunResults, arm: str) -> dict[str, Any]:
    trials = results.of_arm(arm, "search")
    stopped = sum(trial.status == "stopped" for trial in trials)
    return {"n": len(trials), "n_stopped": stopped, "best": _best_json(results.best_of_arm(arm))}


def _best_json(trial: RecordedTrial | None) -> dict[str, Any] | None:
    if trial is None:
        return None
    state, accuracy = trial.last.state, trial.val_accuracy
    identity = {"id": trial.id, "arm": trial.identity.arm, "state": state, "val_accuracy": accuracy}
    return {**identity, "settings": dict(trial.values)}
