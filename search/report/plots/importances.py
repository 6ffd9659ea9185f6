"""Optuna's parameter importances of each arm's search trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from search.report.charts.chart import Axis, Chart, Panel, Series
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of
from search.report.charts.theme import colour
from search.report.plots.settings import Scale, finished_search, scale_of, varied_keys
from search.run.results import RunResults
from search.run.trials import RecordedTrial

FEWEST_TRIALS = 8
"""With fewer, a forest fits noise."""
MOST_TRIALS = 250
"""Of an arm, spread over its search: the time of Optuna's evaluation grows with their square. Of five keys with noise
the shares of 250 trials and of 500 differed by 0.02, as much as those of two draws of 500 do."""


def importance_plot(results: RunResults) -> Plot | None:
    """Optuna's importances of the searched keys, per arm; None where no arm has enough trials."""
    searched = {arm: finished_search(results, arm) for arm in results.arm_names}
    found = {arm: shares for arm, trials in searched.items() if (shares := importances(spread(trials)))}
    if not found:
        return None
    largest = {key: max(shares.get(key, 0.0) for shares in found.values()) for arm in found for key in found[arm]}
    keys = sorted(largest, key=lambda key: -largest[key])
    names = results.arm_names
    height = 0.8 / len(found)
    bars = []
    for row, (arm, shares) in enumerate(found.items()):
        places = tuple(index + (row - (len(found) - 1) / 2) * height for index in range(len(keys)))
        bars.append(
            Series(
                shape="bars", x=tuple(shares.get(key, 0.0) for key in keys), y=places, colour=colour(names.index(arm)),
                group=arm, entry=arm, size=0.9 * height,
            )
        )  # fmt: skip
    panel = Panel(
        x=Axis(label="share of the variation in validation accuracy"), y=Axis(names=tuple(keys)), series=tuple(bars)
    )
    described = "; ".join(
        f"{arm}: {', '.join(f'{key} {share:.2f}' for key, share in shares.items())}" for arm, shares in found.items()
    )
    some = ", ".join(f"{arm} {len(searched[arm]):,}" for arm in found if len(searched[arm]) > MOST_TRIALS)
    of_some = f" From {MOST_TRIALS} trials, spread over the search, of {some}." if some else ""
    chart = Chart(panels=(panel,), height=1.0 + 0.3 * len(keys) * len(found))
    return plot_of("importances", f"Importances of the searched keys. {described}.{of_some}", chart)


def spread(trials: Sequence[RecordedTrial]) -> list[RecordedTrial]:
    """At most MOST_TRIALS of them, evenly from the first to the last."""
    count = min(len(trials), MOST_TRIALS)
    return [trials[index * len(trials) // count] for index in range(count)]


def importances(trials: Sequence[RecordedTrial]) -> dict[str, float]:
    """Searched key → share of the variation in validation accuracy, largest first, over keys that every trial has.

    Empty with fewer than FEWEST_TRIALS trials, or where no key or no accuracy varied.
    """
    scales = [scale_of(trials, key) for key in varied_keys(trials) if all(key in trial.values for trial in trials)]
    scores = [trial.last.val_accuracy for trial in trials]
    if len(trials) < FEWEST_TRIALS or not scales or len(set(scores)) < 2:
        return {}
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(direction="maximize")
        distributions = {scale.key: _distribution(scale) for scale in scales}
        for trial, score in zip(trials, scores, strict=True):
            params = {scale.key: _plain(scale, trial) for scale in scales}
            study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=score))
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return {key: float(share) for key, share in found.items()}


def _distribution(scale: Scale) -> Any:
    """The range that was tried; the search's own may be wider, which importances do not depend on."""
    import optuna

    if scale.names:
        return optuna.distributions.CategoricalDistribution(scale.names)
    low, high = scale.ends
    return optuna.distributions.FloatDistribution(float(low), float(high), log=scale.log)


def _plain(scale: Scale, trial: RecordedTrial) -> str | float:
    value = trial.values[scale.key]
    return str(value) if scale.names else float(value)
