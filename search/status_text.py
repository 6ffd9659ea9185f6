"""A run's standing as plain text: one line per trial, then each arm's best. Never test accuracy."""

from __future__ import annotations

from collections import Counter

from search.run.plan import outstanding_trials
from search.run.results import RunResults, best_of_arm
from search.run.trials import RecordedTrial
from trainables.config.trial import TrialConfig


def status_text(results: RunResults) -> str:
    """What `prunetune status` prints."""
    lines = [_line(trial) for trial in results.trials]
    width = max((len(line[0]) for line in lines), default=0)
    body = [f"{name:<{width}}  {rest}" for name, rest in lines]
    return "\n".join([*body, *_arm_lines(results), _summary(results)])


def _line(trial: RecordedTrial) -> tuple[str, str]:
    record = trial.record
    if record is None or not record.states:
        return trial.id, trial.status + _reason(trial)
    last = record.states[-1]
    return trial.id, (
        f"{trial.status:<11} state {last.state} of {last_state(trial)}  val {last.val_accuracy:.4f}  "
        f"removed {last.removed_percent:5.1f} %{_reason(trial)}"
    )


def last_state(trial: RecordedTrial) -> int:
    """The number of a trial's last state."""
    epochs = trial.record.header.get("epochs_of_states") if trial.record else None
    return len(epochs) - 1 if epochs else len(TrialConfig.model_validate(trial.config).epochs_of_states()) - 1


def _reason(trial: RecordedTrial) -> str:
    error = trial.record.error if trial.record else None
    return f"  {error}" if error else ""


def _arm_lines(results: RunResults) -> list[str]:
    lines = []
    for arm in results.study.arms:
        best = best_of_arm(results, arm)
        statuses = Counter(trial.status for trial in results.of_arm(arm))
        counts = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())) or "no trial yet"
        chosen = "no trial finished yet" if best is None else f"best {best.id}, val {best.val_accuracy:.4f}"
        lines.append(f"{arm}: {chosen} ({counts})")
    return lines


def _summary(results: RunResults) -> str:
    left = outstanding_trials(results.study, results.trials)
    if left == 0:
        return f"{results.run}: complete"
    if results.driver is None:
        return f"{results.run}: {left} trials to go, nobody drives it; go on with: prunetune resume {results.run}"
    running = sum(trial.status == "running" for trial in results.trials)
    return f"{results.run}: {left} trials to go, {running} running, driven by process {results.driver}"
