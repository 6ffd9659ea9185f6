"""Whatever stands in a study file or behind `--set`, it is a study that reads back equal, or one line that says what is wrong.

Drawn alike each time. To look further, raise MANY, or take `derandomize` out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search import cli
from search.config_file import yaml_file
from tests.search.study.fuzzing.entries import options
from tests.search.study.fuzzing.files import FILES
from tests.search.study.fuzzing.judging import check_message, check_reads_back, judge
from tests.search.study.fuzzing.texts import texts
from tests.search.study.fuzzing.trees import trees

FEW, MANY = 70, 800
"""Of each kind: in every run of the tests, and in those with the slow ones."""
SETS = st.tuples(st.sampled_from(sorted(FILES)), st.lists(options(), min_size=1, max_size=3))
few, many, through_the_command = (
    settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,  # it would be of the clock; `judge` has one of the processor
        suppress_health_check=list(HealthCheck),
    )
    for count in (FEW, MANY, 30)
)


@pytest.fixture(autouse=True)
def _large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a file comes to is not to hang on where it is tested."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 64)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file, written again and again."""
    return tmp_path_factory.mktemp("fuzz") / "study.yaml"


def check(path: Path, sets: list[str] | None = None) -> None:
    found = judge(path, sets or ())
    if isinstance(found, str):
        check_message(found, path, sets or ())
    else:
        check_reads_back(found, path.parent)


def check_text(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    check(path)


def check_tree(path: Path, tree: dict[str, Any]) -> None:
    path.write_text(yaml_file.dump(tree), encoding="utf-8")
    check(path)


def check_sets(path: Path, given_sets: tuple[str, list[str]]) -> None:
    name, sets = given_sets
    path.write_text(FILES[name], encoding="utf-8")
    check(path, sets)


@few
@given(texts())
def test_a_text(path: Path, content: bytes) -> None:
    check_text(path, content)


@few
@given(trees())
def test_a_tree(path: Path, tree: dict[str, Any]) -> None:
    check_tree(path, tree)


@few
@given(SETS)
def test_options(path: Path, given_sets: tuple[str, list[str]]) -> None:
    check_sets(path, given_sets)


@pytest.mark.slow
@many
@given(texts())
def test_many_texts(path: Path, content: bytes) -> None:
    check_text(path, content)


@pytest.mark.slow
@many
@given(trees())
def test_many_trees(path: Path, tree: dict[str, Any]) -> None:
    check_tree(path, tree)


@pytest.mark.slow
@many
@given(SETS)
def test_many_options(path: Path, given_sets: tuple[str, list[str]]) -> None:
    check_sets(path, given_sets)


@pytest.mark.parametrize("name", FILES)
def test_files_as_they_are_read_back_equal(path: Path, name: str) -> None:
    path.write_text(FILES[name], encoding="utf-8")
    found = judge(path)
    assert not isinstance(found, str), found
    check_reads_back(found, path.parent)


@pytest.mark.slow
@through_the_command
@given(tree=trees(of=("quickstart.yaml",)))
def test_the_command_itself_ends_in_a_status(path: Path, tree: dict[str, Any]) -> None:
    """What reads data and proves weights as well: 1 where weights are refused."""
    path.write_text(yaml_file.dump(tree), encoding="utf-8")
    assert cli.main(["validate", str(path)]) in (0, 1, 2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a: " + "[" * 100_000, "line 1: this is not YAML: sections and lists stand more than 50 deep"),
        ("- " * 5000, "sections and lists stand more than 50 deep within each other"),
        ("a: " + "9" * 5000, "line 1: this is not YAML: whole numbers have at most 64 bits here, found 9999999"),
        ("a: " + "1" * 20, "whole numbers have at most 64 bits here, found 11111111111111111111"),
    ],
)
def test_what_costs_a_reader_time_or_sense_is_refused_by_the_parser(path: Path, content: str, told: str) -> None:
    path.write_text(content, encoding="utf-8")
    found = judge(path)
    assert isinstance(found, str)
    assert told in found


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("trial.prune.schedule.states=2000000000", "prune.schedule.states: input should be less than or equal to 1000"),
        ("search.replicates=1000000", "search.replicates: input should be less than or equal to 1000"),
        ("search.trials_per_arm=100000000", "search: 300,000,000 trials are asked for (3 arms, search.trials_"),
        ("space.train.weight_decay={uniform: [0, 1], step: 1.0e-7}", "makes more than 100,000 values of [0, 1]"),
        ("space.train.weight_decay={uniform: [1.0e-300, 2.5], step: 1.0e-12}", "step must be at least 1e-09"),
        ("trial.data.root=3", "trial.data.root: a path is expected, found 3"),
        ("trial.model.args={drop_rate: .nan}", "trial.model.args: finite numbers are expected, found nan"),
        ("space.model.args={choice: [{drop_rate: .nan}]}", "finite numbers are expected, found nan"),
        ("trial.model.args.=1", "KEY=VALUE is expected"),
        ("arms.=1", "KEY=VALUE is expected"),
        ("trial.model.args={a: {'': 1}}", "line 1: a key must be a plain word"),
    ],
)  # fmt: skip
def test_a_value_that_no_study_can_have_is_named(path: Path, option: str, told: str) -> None:
    path.write_text(FILES["quickstart.yaml"], encoding="utf-8")
    found = judge(path, [option])
    assert isinstance(found, str)
    assert told in found


def test_a_grid_that_could_not_be_gone_through_is_refused(path: Path) -> None:
    path.write_text(FILES["quickstart.yaml"], encoding="utf-8")
    found = judge(path, ["search.algorithm=grid", "space={seed: {int: [0, 99]}, train.batch_size: {int: [1, 5000]}}"])
    assert isinstance(found, str)
    assert "space: the grid of arm refill has more than 100,000 points" in found
    found = judge(path, ["search.algorithm=grid", "space={seed: {int: [0, 1000000000000]}}"])
    assert "nor has one of more than 100,000 values" in str(found)


def test_a_stepped_range_does_not_leave_itself_by_rounding(path: Path) -> None:
    path.write_text(FILES["quickstart.yaml"], encoding="utf-8")
    found = judge(path, ["space={train.lr: {uniform: [1.0e-300, 2.5], step: 1}}"])
    assert not isinstance(found, str), found
    assert found.space.parameters[0].distribution.grid() == (1e-300, 1.0, 2.0)


def test_keys_are_text_as_they_are_in_records(path: Path) -> None:
    path.write_text(FILES["quickstart.yaml"], encoding="utf-8")
    found = judge(path, ["trial.model.args={a: {1: 2, true: 3}}"])
    assert not isinstance(found, str), found
    assert found.trial["model"]["args"] == {"a": {"1": 2, "true": 3}}


def test_dotted_keys_within_an_option_are_those_of_a_file(path: Path) -> None:
    path.write_text(FILES["quickstart.yaml"], encoding="utf-8")
    found = judge(path, ["trial.train={state0.lr: 0.1, schedule.kind: constant}"])
    assert not isinstance(found, str), found
    assert found.trial["train"] == {"state0": {"lr": 0.1}, "schedule": {"kind": "constant"}}
    twice = judge(path, ["trial.train={state0.lr: 0.1, state0: {lr: 0.2}}"])
    assert str(twice).endswith(": trial.train.state0.lr is given twice")


def test_a_scratch_arm_that_is_no_name_is_no_arm(path: Path) -> None:
    path.write_text(FILES["digits_controls.yaml"].replace("arm: refill", "arm: {a: 1}"), encoding="utf-8")
    assert "{'a': 1} is no arm of this study" in str(judge(path))


def test_a_level_too_small_for_any_test_is_told_without_a_number_of_looks(path: Path) -> None:
    path.write_text(FILES["digits_evidence.yaml"], encoding="utf-8")
    assert "; raise compare.alpha" in str(judge(path, ["compare={alpha: 1.0e-60, looks: [4, 8]}"]))
