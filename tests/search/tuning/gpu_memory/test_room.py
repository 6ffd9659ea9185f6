"""How many trials share a GPU, by what one was measured to take; the GPU is a stand-in everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from search.study.load import load_study
from search.study.study import Study
from search.tuning.cluster.resources import Node, Share, share_of
from search.tuning.gpu_memory.costliest import costliest
from search.tuning.gpu_memory.measuring import FULL, Unmeasured, measure
from search.tuning.gpu_memory.room import line_of, share_with_room, trials_that_fit
from tests.search.small_study import small_study
from tests.search.tuning.gpu_memory.counters import MadeCounters
from tests.trainables.full_memory import memory_for
from tests.trainables.small_trials import small_config
from trainables.config.trial import TrialConfig
from trainables.peak_memory import Peak, peak_memory

GB = 10**9


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    def stage(self, text: str) -> None: ...


def study_of(folder: Path, **changes: Any) -> Study:
    return load_study(small_study(folder, **{"trial": {"train": {"device": "auto"}}, **changes}), ())


@pytest.mark.parametrize(("taken", "trials"), [(5, 4), (17.9, 4), (18.1, 3), (35.9, 2), (36.1, 1), (79, 1), (200, 1)])
def test_as_many_trials_share_a_gpu_as_fit_in_nine_tenths_of_it(taken: float, trials: int) -> None:
    assert trials_that_fit(Peak(int(taken * GB), 80 * GB)) == trials
    assert trials_that_fit(FULL) == 1


def test_the_share_follows_the_arm_that_takes_the_most_and_is_told_in_a_line(tmp_path: Path) -> None:
    space = {"train.batch_size": {"choice": [16, 64], "arms": ["rsst"]}}
    study, nodes, heard = study_of(tmp_path, space=space), (Node(cpus=16, gpus=2),), Heard()
    asked: list[int] = []

    def measured(config: TrialConfig, cpus: int) -> Peak:
        asked.append(config.train.batch_size)
        return Peak(config.train.batch_size * GB // 2, 80 * GB)

    blind = share_of(study.resources, nodes)
    assert (blind.gpus, blind.concurrent) == (0.25, 8)
    assert share_with_room(study, nodes, blind, heard, measured) == Share(1, 0.5, 4)
    assert heard.lines == ["one trial of refill takes 32.0 GB of a GPU's 80.0 GB at its peak: 2 trials share a GPU"]
    assert asked == [64, 16], "the arms' common recipe once"


def test_where_none_fits_or_none_was_measured_each_trial_has_a_gpu(tmp_path: Path) -> None:
    study, nodes = study_of(tmp_path), (Node(cpus=8, gpus=1),)
    blind = share_of(study.resources, nodes)
    for answer in (FULL, Unmeasured("its process died")):
        heard = Heard()
        assert share_with_room(study, nodes, blind, heard, lambda *_, answer=answer: answer) == Share(1, 1.0, 1)
        [line] = heard.lines
        assert answer.why in line
        assert line.endswith("each trial has a GPU to itself")


@pytest.mark.parametrize(
    ("resources", "node"),
    [({"gpus_per_trial": 0.25}, Node(8, 1)), ({"max_concurrent": 1}, Node(8, 1)), ({}, Node(8, 0)), ({}, Node(2, 2))],
)
def test_nothing_is_measured_where_it_decides_nothing(tmp_path: Path, resources: Any, node: Node) -> None:
    study = study_of(tmp_path, resources=resources)
    share = share_of(study.resources, (node,))

    def never(*_: Any) -> Peak:
        raise AssertionError("measured")

    assert share_with_room(study, (node,), share, Heard(), never) == share


def test_fewer_trials_than_fit_share_a_gpu_where_fewer_run(tmp_path: Path) -> None:
    study, nodes, heard = study_of(tmp_path, resources={"max_concurrent": 2}), (Node(cpus=8, gpus=1),), Heard()
    share = share_with_room(study, nodes, share_of(study.resources, nodes), heard, lambda *_: Peak(GB, 80 * GB))
    assert share == Share(1, 0.5, 2)
    assert heard.lines[0].endswith(": 2 trials share a GPU")


def test_the_largest_network_and_batch_of_a_space_are_measured_and_none_that_uses_no_gpu(tmp_path: Path) -> None:
    space = {"train.batch_size": {"int": [8, 64]}, "model.args.depth": {"choice": [2, 6]}}
    [(arm, first), (_, second)] = costliest(study_of(tmp_path, space=space))
    assert (arm, first.train.batch_size, first.model.args) == ("refill", 64, {"depth": 6})
    assert (second.train.batch_size, second.model.args) == (64, {"depth": 2})
    assert costliest(study_of(tmp_path, trial={"train": {"device": "cpu"}})) == []


def test_a_peak_is_the_allocators_and_what_the_process_holds_beside_it() -> None:
    assert peak_memory(small_config(), MadeCounters()) == Peak(20_500, 80_000)


def test_a_measure_trains_by_both_recipes_with_the_teacher_and_evaluates() -> None:
    train = {"state0": {"batch_size": 16}, "batch_size": 32, "distill": {"weight": 0.5}, "graph": "never"}
    with memory_for(training=10**9) as seen:
        peak_memory(small_config(train=train), MadeCounters())
    assert {16, 32} <= set(seen)
    with memory_for(training=31):
        assert peak_memory(small_config(train=train), MadeCounters()) is None
    with memory_for(training=32, evaluating=5):
        assert peak_memory(small_config(train=train), MadeCounters()) is None


def test_the_line_is_in_gigabytes() -> None:
    assert line_of("rsst", Peak(int(5.24 * GB), int(79.6 * GB)), 4) == (
        "one trial of rsst takes 5.2 GB of a GPU's 79.6 GB at its peak: 4 trials share a GPU"
    )


class Broken(MadeCounters):
    def max_memory_reserved(self) -> int:
        raise RuntimeError("no such counter\nmore")


class Full(MadeCounters):
    def reset_peak_memory_stats(self) -> None:
        from trainables import peak_memory

        def refuse(*_: Any) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory")

        peak_memory._train_a_little = refuse


@pytest.mark.slow
@pytest.mark.ray
def test_the_task_measures_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from search.study.sections import ResourcesConfig
    from search.tuning.cluster.session import ray_session, set_environment

    set_environment(1)
    with ray_session(ResourcesConfig(address="local", max_concurrent=1)):
        assert measure(small_config(), 1, gpus=0, counters=MadeCounters()) == Peak(20_500, 80_000)
        assert measure(small_config(), 1, gpus=0, counters=Full()) == FULL
        assert measure(small_config(), 1, gpus=0, counters=Broken()) == Unmeasured("RuntimeError: no such counter")
