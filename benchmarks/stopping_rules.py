"""How often each early-stopping rule stops the trial that would have won, and how much training it saves.

Run: python -m benchmarks.stopping_rules [--repeats 300] [--trials 27] [--workers 4] [--run RUN]
Takes about a minute. A table of learning curves stands in for training, and the program's own rule judges it. `steady` curves
keep their order, `crossing` ones do not (what is good when dense may suffer more from pruning), `noisy` ones hide a true
order. `--run` takes the table from a recorded run in which nothing was stopped instead.

The baseline is the same rule on accuracies that mean nothing (`blind`): it saves as much, and stops the winner by chance.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.support.simulation import make_study
from search.run.results import load_results
from search.run.trials import RecordedTrial
from search.study.searching.scheduler import SchedulerConfig
from search.study.study import Study
from search.tuning.early_stopping import stop_reason
from trainables.files.record import Identity, StateEnd, TrialRecord

REMOVED = tuple(80.0 * state / 8 for state in range(9))
RULES = ("asha", "hyperband", "median")
Table = list[list[StateEnd]]
"""Each trial's state ends, in the order in which the trials are proposed."""


@dataclass(frozen=True)
class Outcome:
    """`lost` is by how much the best finished trial is worse than the winner; `saved` the share of states not trained."""

    stopped_winner: bool
    lost: float
    saved: float


def curves(kind: str, trials: int, chance: np.random.Generator) -> Table:
    """Accuracy falls from a dense quality by a loss that grows with the removal."""
    quality = 0.95 - 0.15 * chance.random(trials)
    harm = {
        "steady": np.full(trials, 0.2),
        "noisy": np.full(trials, 0.2),
        "crossing": 0.05 + 0.4 * chance.random(trials),
    }
    noise = 0.03 if kind == "noisy" else 0.005
    removed = np.array(REMOVED) / 80
    accuracy = quality[:, None] - harm[kind][:, None] * removed**2
    accuracy += noise * chance.standard_normal(accuracy.shape)
    return [_states(row) for row in np.clip(accuracy, 0, 1)]


def recorded(run: Path) -> dict[str, Table]:
    """Arm → the curves of its finished search trials."""
    results = load_results(run)
    found = {
        arm: [t.record.states for t in results.of_arm(arm, "search") if t.status == "finished" and t.record]
        for arm in results.study.arms
    }
    return {arm: table for arm, table in found.items() if len(table) > 1}


def replay(study: Study, table: Table, judged: Table, workers: int) -> Outcome:
    """Run the table's trials, `workers` at a time and one state each in turn; the rule sees `judged`."""
    waiting, live, ended = list(range(len(table))), [], {}
    seen: dict[int, RecordedTrial] = {}
    while waiting or live:
        while waiting and len(live) < workers:
            live.append(waiting.pop(0))
        for number in list(live):
            done = len(seen[number].states) + 1 if number in seen else 1
            seen[number] = _trial(number, judged[number][:done], "running")
            reason = stop_reason(study, seen.values(), seen[number])
            if reason is None and done < len(table[number]):
                continue
            ended[number] = "stopped" if reason is not None and done < len(table[number]) else "finished"
            seen[number] = _trial(number, judged[number][:done], ended[number])
            live.remove(number)
    last = [states[-1].val_accuracy for states in table]
    winner = int(np.argmax(last))
    best = max((last[number] for number, status in ended.items() if status == "finished"), default=0.0)
    trained = sum(len(trial.states) for trial in seen.values())
    saved = 1 - trained / sum(len(states) for states in table)
    return Outcome(ended[winner] == "stopped", last[winner] - best, saved)


def measure(
    study: Study, make: Callable[[np.random.Generator], Table], repeats: int, workers: int, *, blind: bool
) -> list[Outcome]:
    """Over fresh tables, each in a random order. `blind`: the rule sees accuracies that say nothing about the end."""
    outcomes = []
    for repeat in range(repeats):
        chance = np.random.default_rng(repeat)
        table = make(chance)
        table = [table[place] for place in chance.permutation(len(table))]
        judged = [_like(states, chance) for states in table] if blind else table
        outcomes.append(replay(study, table, judged, workers))
    return outcomes


def rule_study(folder: Path, kind: str) -> Study:
    arms: dict[str, Any] = {"refill": {"prune.method": "refill"}}
    return make_study(folder, arms=arms, space=None, scheduler=SchedulerConfig(kind=kind).model_dump(mode="json"))


def main() -> None:
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--trials", type=int, default=27)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--run", type=Path, help="a run's folder, whose recorded curves are replayed")
    options = parser.parse_args()
    tables: dict[str, Callable[[np.random.Generator], Table]] = {
        kind: lambda chance, kind=kind: curves(kind, options.trials, chance) for kind in ("steady", "crossing", "noisy")
    }
    if options.run is not None:
        tables = {arm: lambda chance, table=table: list(table) for arm, table in recorded(options.run).items()}
    print("curves      rule       judged    stops the winner   accuracy lost   states saved   in % of blind's stops")
    with tempfile.TemporaryDirectory() as folder:
        for name, make in tables.items():
            for kind in RULES:
                _print_rows(name, kind, rule_study(Path(folder), kind), make, options)


def _print_rows(name: str, kind: str, study: Study, make: Any, options: argparse.Namespace) -> None:
    by_chance = measure(study, make, options.repeats, options.workers, blind=True)
    judged = measure(study, make, options.repeats, options.workers, blind=False)
    chance_rate = fmean(one.stopped_winner for one in by_chance)
    for word, outcomes in (("blind", by_chance), ("by curve", judged)):
        rate = fmean(one.stopped_winner for one in outcomes)
        ratio = f"{100 * rate / chance_rate:>6.0f} %" if chance_rate else "-"
        print(
            f"{name:<11} {kind:<10} {word:<9} {100 * rate:>13.1f} %   {100 * fmean(o.lost for o in outcomes):>8.2f} points"
            f"   {100 * fmean(o.saved for o in outcomes):>10.1f} %   {ratio}",
            flush=True,
        )


def _states(accuracies: np.ndarray) -> list[StateEnd]:
    return [_state_end(state, float(accuracy), REMOVED[state]) for state, accuracy in enumerate(accuracies)]


def _like(states: list[StateEnd], chance: np.random.Generator) -> list[StateEnd]:
    """The same places with random accuracies that stay in order among the trials, as real curves do."""
    level = float(chance.random())
    return [_state_end(number, level, state.removed_percent) for number, state in enumerate(states)]


def _state_end(state: int, accuracy: float, removed: float) -> StateEnd:
    return StateEnd(
        state=state, epochs=state + 1, val_accuracy=accuracy, val_loss=1.0, test_accuracy=0.0, test_loss=1.0, params=1,
        macs=1, removed_percent=removed, kept={}, training_macs=1.0, seconds=1.0,
    )  # fmt: skip


def _trial(number: int, states: list[StateEnd], status: str) -> RecordedTrial:
    record = TrialRecord(Path(), {}, [], states, None)
    identity = Identity(str(number), "refill", "search", number)
    return RecordedTrial(identity, {}, folder=Path(), status=status, record=record)


if __name__ == "__main__":
    main()
