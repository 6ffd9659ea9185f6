"""One declared space for define-by-run, random search and grids."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from search.config_file.mistakes import Sources
from search.space.parameter import Distribution, read_parameters
from search.space.reading import read_space
from search.space.space import Space

BASE: dict[str, dict[str, Any]] = {"refill": {"prune": {"method": "refill"}}, "rsst": {"prune": {"method": "rsst"}}}
SPACE = {
    "train.optimizer": {"choice": ["adamw", "sgd"]},
    "train.momentum": {"choice": [0.8, 0.9], "when": {"train.optimizer": "sgd"}},
    "train.schedule.warmup": {"choice": [0.0, 0.1, 0.2], "when": {"train.momentum": 0.9}},
    "prune.rsst.ramp": {"grid": [0.3, 0.5], "arms": ["rsst"]},
    "prune.schedule": {"choice": [{"kind": "linear", "states": 2}, {"kind": "cubic", "states": 4}]},
}


def distribution_of(spec: dict[str, Any]) -> Distribution:
    return read_parameters("train.lr", spec)[0].distribution


def space_of(spec: dict[str, Any]) -> Space:
    return read_space(spec, BASE, Sources("f.yaml"))


def test_a_grid_counts_conditions_out_and_arms_apart() -> None:
    space = space_of(SPACE)
    # adamw, sgd with 0.8, sgd with 0.9 and three warm-ups: 5; two schedules; rsst's two ramps.
    assert space.grid_size("refill") == 5 * 2
    assert space.grid_size("rsst") == 5 * 2 * 2


@pytest.mark.parametrize("arm", ["refill", "rsst"])
def test_every_grid_point_is_accepted_once_and_rebuilds(arm: str) -> None:
    space = space_of(SPACE)
    points = list(space.grid_points(arm))
    assert len(points) == space.grid_size(arm)
    assert all(point not in points[:number] for number, point in enumerate(points))
    for point in points:
        assert space.accepts(point, arm)
        params, distributions = space.to_optuna(point, arm)
        trial = optuna.trial.create_trial(params=params, distributions=distributions, value=0.0)
        assert space.suggest(optuna.trial.FixedTrial(trial.params), arm) == point  # type: ignore[arg-type]  # same duck


@given(st.integers(0, 10_000), st.sampled_from(["refill", "rsst"]))
def test_a_sample_is_accepted_and_depends_on_its_seed_alone(seed: int, arm: str) -> None:
    space = space_of({**SPACE, "train.lr": {"log_uniform": [1e-4, 1e-2]}, "train.batch_size": {"log_int": [8, 256]}})
    values = space.sample(arm, seed)
    assert space.accepts(values, arm)
    assert values == space.sample(arm, seed)
    assert ("train.momentum" in values) == (values["train.optimizer"] == "sgd")
    assert ("prune.rsst.ramp" in values) == (arm == "rsst")


def test_an_inactive_parent_leaves_its_children_inactive() -> None:
    values = space_of(SPACE).sample("refill", 0, fixed={"train.optimizer": "adamw"})
    assert set(values) == {"train.optimizer", "prune.schedule"}


def test_one_key_may_have_a_range_per_condition() -> None:
    space = space_of(
        {
            "train.optimizer": {"choice": ["adamw", "sgd"]},
            "train.lr": [
                {"uniform": [0.001, 0.002], "when": {"train.optimizer": "adamw"}},
                {"uniform": [0.1, 0.2], "when": {"train.optimizer": "sgd"}},
            ],
        }
    )
    for optimizer, low in (("adamw", 0.001), ("sgd", 0.1)):
        values = space.sample("rsst", 3, fixed={"train.optimizer": optimizer})
        assert low <= values["train.lr"] <= 2 * low
        assert list(space.to_optuna(values, "rsst")[0])[1] == ("train.lr" if optimizer == "adamw" else "train.lr#1")


def test_a_condition_may_ask_about_a_part_of_a_chosen_tree_or_about_a_fixed_key() -> None:
    space = space_of(
        {
            "train.clip_grad_norm": {"choice": [1.0, 2.0], "when": {"prune.schedule.kind": "cubic"}},
            "prune.schedule": SPACE["prune.schedule"],
            "train.label_smoothing": {"choice": [0.0, 0.1], "when": {"prune.method": "rsst"}},
        }
    )
    cubic = {"prune.schedule": {"kind": "cubic", "states": 4}}
    assert "train.clip_grad_norm" in space.sample("refill", 0, fixed=cubic)
    assert "train.clip_grad_norm" not in space.sample(
        "refill", 0, fixed={"prune.schedule": {"kind": "linear", "states": 2}}
    )
    assert "train.label_smoothing" in space.sample("rsst", 0)
    assert "train.label_smoothing" not in space.sample("refill", 0)


def test_the_shared_part_leaves_out_what_any_arm_has_alone() -> None:
    assert space_of(SPACE).shared().keys() == (
        "train.optimizer",
        "train.momentum",
        "train.schedule.warmup",
        "prune.schedule",
    )
    only = space_of({"train.label_smoothing": {"choice": [0.0, 0.1], "when": {"prune.method": "rsst"}}})
    assert not only.shared()


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"train.lrr": {"uniform": [0, 1]}}, "space.train.lrr is not a known key of a trial; the nearest is train.lr"),
        ({"train.lr": {"unifrm": [0, 1]}}, "the nearest is uniform"),
        ({"train.lr": {"uniform": [0, 1], "int": [0, 1]}}, "one distribution is expected"),
        ({"train.lr": {"uniform": [1, 0]}}, "space.train.lr.uniform: the lowest value comes first, found [1, 0]"),
        ({"train.lr": {"uniform": [0, "x"]}}, "space.train.lr.uniform: input should be a valid number, found 'x'"),
        ({"train.lr": {"uniform": [0]}}, "uniform takes [lowest, highest], found [0]"),
        ({"train.lr": {"uniform": [0, 1], "step": 0}}, "step must be above 0, found 0"),
        ({"train.lr": {"int": [0.5, 1]}}, "whole numbers are expected, found 0.5"),
        ({"train.lr": {"int": [True, 2]}}, "whole numbers are expected, found True"),
        ({"train.lr": {"log_int": [1, 8], "step": 2}}, "step goes with uniform and int, not with log_int"),
        ({"train.lr": {"log_uniform": [0, 1]}}, "needs numbers above 0"),
        ({"train.lr": {"choice": []}}, "takes a list of values"),
        ({"train.lr": {"choice": [1, 1]}}, "lists 1 twice"),
        ({"train.lr": {"choice": [1], "arms": []}}, "space.train.lr.arms: at least one entry is expected"),
        ({"train.lr": {"choice": [1], "when": "sgd"}}, "space.train.lr.when: a section with keys is expected"),
        ({"train.lr": [{"choice": [1]}, {"int": [2, 1]}]}, "space.train.lr[1].int: the lowest value comes first"),
        ({"train.lr": [0.1, 0.2]}, "write {choice: [...]}"),
        (
            {"train.lr": {"choice": [1, 2], "arms": ["rsts"]}},
            "'rsts' is no arm of this study (refill, rsst); the nearest is rsst",
        ),
        ({"train.lr": {"choice": [1, 2], "when": {"train.optimiser": "sgd"}}}, "the nearest is train.optimizer"),
        (
            {"train.optimizer": {"choice": ["sgd"]}, "train.lr": {"choice": [1], "when": {"train.optimizer": "adam"}}},
            "train.optimizer is never 'adam' in this space",
        ),
        (
            {
                "train.lr": {"choice": [1, 2], "when": {"train.momentum": 0.5}},
                "train.momentum": {"choice": [0.5, 0.6], "when": {"train.lr": 1}},
            },
            "go round in a circle",
        ),
        (
            {"prune.schedule": {"choice": [{"states": 2}]}, "prune.schedule.states": {"int": [1, 2]}},
            "prune.schedule.states is already searched by prune.schedule",
        ),
        ({"prune.schedule": {"choice": [{"sates": 2}]}}, "the nearest is prune.schedule.states"),
    ],
)
def test_a_mistake_in_the_space_is_told(spec: dict[str, Any], told: str) -> None:
    with pytest.raises(UserError) as caught:
        space_of(spec)
    assert told in str(caught.value)


def test_a_continuous_distribution_has_no_grid() -> None:
    with pytest.raises(UserError, match="uniform is continuous and has no grid"):
        list(space_of({"train.lr": {"uniform": [0, 1]}}).grid_points("rsst"))


@pytest.mark.parametrize(
    ("spec", "grid"),
    [
        ({"uniform": [0, 1], "step": 0.25}, (0.0, 0.25, 0.5, 0.75, 1.0)),
        ({"quniform": [0, 1, 0.4]}, (0.0, 0.4, 0.8)),
        ({"int": [1, 3]}, (1, 2, 3)),
        ({"int": [1, 6], "step": 2}, (1, 3, 5)),
        ({"grid": [True, 1]}, (True, 1)),
    ],
)
def test_countable_distributions(spec: dict[str, Any], grid: tuple[Any, ...]) -> None:
    distribution = distribution_of(spec)
    assert distribution.grid() == grid
    assert all(distribution.contains(value) for value in grid)
    assert distribution_of(distribution.spec()) == distribution


@pytest.mark.parametrize("when", [0.5, None, [0.5, 0.3], [[0.5, 0.3]]])
def test_a_condition_reads_back_as_it_is_written(when: Any) -> None:
    (parameter,) = read_parameters("train.lr", {"choice": [1], "arms": "rsst", "when": {"trial.prune.rsst.ramp": when}})
    assert parameter.spec() == {"choice": [1], "arms": ["rsst"], "when": {"prune.rsst.ramp": when}}
    assert read_parameters("train.lr", parameter.spec()) == (parameter,)


def test_what_lies_outside_is_not_contained() -> None:
    assert not distribution_of({"uniform": [0, 1], "step": 0.25}).contains(0.3)
    assert not distribution_of({"int": [1, 5], "step": 2}).contains(2)
    assert not distribution_of({"int": [0, 1]}).contains(True)
    assert not distribution_of({"choice": [0, 1]}).contains(True)
