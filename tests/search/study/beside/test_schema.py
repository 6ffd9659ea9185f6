"""The schema takes every file of the repository, and refuses a key that is none wherever it stands."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

from search.cli import main
from search.config_file import yaml_file
from search.config_file.key_tree import known_keys
from search.study.beside.schema import pretraining_schema, study_schema
from tests.configs.files import CONFIGS, DOCS, PRETRAININGS, STUDIES


@cache
def of_studies() -> Draft202012Validator:
    return Draft202012Validator(study_schema())


def with_value(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The quickstart with a value in one place."""
    content: dict[str, Any] = copy.deepcopy(yaml_file.read(CONFIGS / "quickstart.yaml").content)
    here = content
    for part in place[:-1]:
        here = here.setdefault(part, {})
    here[place[-1]] = value
    return content


def test_both_are_schemas() -> None:
    for schema in (study_schema(), pretraining_schema()):
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("file", [*STUDIES, DOCS / "complete-study.yaml"], ids=lambda file: file.stem)
def test_it_takes_every_study(file: Path) -> None:
    of_studies().validate(yaml_file.read(file).content)


@pytest.mark.parametrize("file", PRETRAININGS, ids=lambda file: file.stem)
def test_it_takes_every_pretraining(file: Path) -> None:
    Draft202012Validator(pretraining_schema()).validate(yaml_file.read(file).content)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("serch",), {}),
        (("search", "trials"), 3),
        (("trial", "train", "lrr"), 1),
        (("trial", "train.lrr"), 1),
        (("trial", "prune", "methd"), "rsst"),
        (("trial", "prune", "schedule", "kind"), "geometrical"),
        (("trial", "prune", "criterion"), "magnitud"),
        (("trial", "train", "lr"), "fast"),
        (("arms", "rsst", "prune.rst.shrink"), 0.1),
        (("space", "train.lrr"), {"uniform": [0, 1]}),
        (("space", "train.lr"), {"unifrm": [0, 1]}),
        (("space", "train.lr"), {"uniform": [0, 1], "choice": [1]}),
        (("scheduler", "kind"), "ash"),
        (("logging", "mlfow"), {}),
        (("logging", "wandb"), {"mode": "off"}),
        (("retention", "state"), "last"),
    ],
)
def test_it_refuses_what_is_no_key_or_value(place: tuple[str, ...], value: Any) -> None:
    with pytest.raises(ValidationError) as error:
        of_studies().validate(with_value(place, value))
    told = list(error.value.absolute_path)
    assert told in (list(place), list(place[:-1])), "it is told where the mistake stands"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("logging",), ["tensorboard", "mlflow"]),
        (("logging",), {"mlflow": True, "wandb": {"mode": "offline"}}),
        (("arms", "rsst", "trial.prune.rsst.shrink"), 0.1),
        (("arms", "rsst", "prune"), {"rsst": {"shrink": 0.1}}),
        (("arms",), None),
        (("trial", "model.args.depth"), 2),
        (("trial", "prune", "criterion"), "mine.py:score"),
        (("trial", "prune", "rewind"), {"epoch": 2}),
        (
            ("space", "train.lr"),
            [{"choice": [1], "arms": ["rsst"]}, {"int": [1, 2], "when": {"prune.scope": "global"}}],
        ),
        (("search", "objective"), {"val_accuracy": "max", "macs": "min"}),
        (("compare",), {"at": [60, {"macs": 0.5}]}),
        (("resources", "time_budget"), "2h30m"),
        (("scheduler",), None),
        (
            ("callbacks",),
            ["mine.py:tell", {"mine.py:Post": {"url": "https://a.b"}}, {"use": "mine.py:Post", "args": {"n": 1}}],
        ),
    ],
)
def test_it_takes_every_form_of_a_value(place: tuple[str, ...], value: Any) -> None:
    of_studies().validate(with_value(place, value))


def test_every_key_of_a_trial_is_offered_with_what_it_means() -> None:
    properties = study_schema()["$defs"]["Trial"]["properties"]
    assert {*known_keys(), *(f"trial.{key}" for key in known_keys())} <= properties.keys()
    assert properties["train.lr"]["description"] == "The peak learning rate."
    assert properties["prune.criterion"]["description"].startswith("How units are scored")


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(study_schema()))
    assert main(["schema", "--pretrain"]) == 0
    assert "output" in json.loads(capsys.readouterr().out)["required"]


def test_its_message_for_a_wrong_name_has_the_names() -> None:
    told = best_match(of_studies().iter_errors(with_value(("trial", "prune", "method"), "rsstt")))
    assert told is not None
    assert "'rsstt'" in told.message
    assert "(refill|rsst|" in told.message
