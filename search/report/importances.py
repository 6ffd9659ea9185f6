"""Optuna's parameter importances of one arm's search trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from search.run.trials import RecordedTrial, states_of

FEWEST_TRIALS = 8
"""With fewer, a forest fits noise."""


def importances(views: Sequence[RecordedTrial]) -> dict[str, float]:
    """Searched key → share of the variation in validation accuracy, largest first, over keys that every trial has.

    Empty with fewer than FEWEST_TRIALS trials, or where no key or no accuracy varied.
    """
    keys = _keys(views)
    scores = [states_of(view)[-1].val_accuracy for view in views]
    if len(views) < FEWEST_TRIALS or not keys or len(set(scores)) < 2:
        return {}
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(direction="maximize")
        distributions = {key: _distribution([view.values[key] for view in views]) for key in keys}
        for view, score in zip(views, scores, strict=True):
            params = {key: _plain(view.values[key], distributions[key]) for key in keys}
            study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=score))
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
        found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    finally:
        optuna.logging.set_verbosity(verbosity)
    return {key: float(share) for key, share in found.items()}


def _keys(views: Sequence[RecordedTrial]) -> list[str]:
    if not views:
        return []
    common = set.intersection(*[set(view.values) for view in views])
    return sorted(key for key in common if len({str(view.values[key]) for view in views}) > 1)


def _distribution(values: Sequence[Any]) -> Any:
    """The range that was tried; the search's own may be wider, which importances do not depend on."""
    import optuna

    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        low, high = float(min(values)), float(max(values))
        return optuna.distributions.FloatDistribution(low, high, log=low > 0 and high / low >= 10)
    return optuna.distributions.CategoricalDistribution(sorted({str(value) for value in values}))


def _plain(value: Any, distribution: Any) -> Any:
    return str(value) if hasattr(distribution, "choices") else float(value)
