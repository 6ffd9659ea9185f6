"""The same trials by Ray Tune as its own pages show it: a function, a grid, no searcher of ours and no shared work.

Run by `benchmarks.study`, with a study file; prints seconds and epochs as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune

from search.study.load import load_study
from search.study.study import Study


def train(config: dict[str, Any]) -> None:
    from benchmarks.support.masked_trial import masked_trial
    from trainables.config.trial import TrialConfig

    trial = TrialConfig.model_validate(config["trials"][config["number"]])
    masked_trial(trial, lambda accuracy: tune.report({"val_accuracy": accuracy}))


def main(file: Path) -> None:
    study = load_study(file)
    trials = trials_of(study)
    ray.init(log_to_driver=False, include_dashboard=False)
    began = time.time()
    space = {"trials": trials, "number": tune.grid_search(list(range(len(trials))))}
    with tempfile.TemporaryDirectory() as folder:
        run_config = tune.RunConfig(verbose=0, storage_path=folder)
        results = tune.Tuner(tune.with_resources(train, {"cpu": 1}), param_space=space, run_config=run_config).fit()
    if results.errors:
        raise SystemExit(f"{len(results.errors)} trials failed: {results.errors[0]}")
    epochs = sum(int(result.metrics["training_iteration"]) for result in results if result.metrics)
    print(json.dumps({"seconds": time.time() - began, "epochs": epochs}))


def trials_of(study: Study) -> list[dict[str, Any]]:
    """Every arm on every seed, as whole configurations."""
    seeds = study.search.seeds or (None,)
    return [arm.config({}, seed).model_dump(mode="json") for arm in study.arms.values() for seed in seeds]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
