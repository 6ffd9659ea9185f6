"""docs/study-files.md is current and complete."""

from __future__ import annotations

import runpy
from types import SimpleNamespace

import pytest

from search.config_file.key_tree import free_sections, known_keys
from tests.configs.files import DOCS
from trainables.config.augment import AugmentConfig
from trainables.config.train import LearningRateSchedule

reference = SimpleNamespace(**runpy.run_path(str(DOCS / "study_reference.py")))
MODELS = {section: model for name, root in reference.ROOTS.items() for section, model in reference.sections(name, root)}
MODELS |= reference.PRETRAINING_ROOTS
ROWS = {row.key: row for section, model in MODELS.items() for row in reference.keys(section, model)}


def test_page_is_current() -> None:
    page = (DOCS / "study-files.md").read_text(encoding="utf-8")
    assert page == reference.page(), "run: python docs/study_reference.py > docs/study-files.md"


def test_every_key_says_what_it_means_and_may_be() -> None:
    assert len(ROWS) > 100
    assert [row.key for row in ROWS.values() if not row.meaning.endswith((".", ")"))] == []
    assert [row.key for row in ROWS.values() if not (row.values and row.default)] == []


def test_every_key_of_a_trial_is_on_the_page() -> None:
    shown = set(ROWS) | set(MODELS)
    hidden = {f"trial.{key}" for key in known_keys()} - shown
    # The form {epoch: e} stands in the row of the key itself, and state 0's sections in that of which they have the keys.
    in_state0 = {f"schedule.{key}" for key in known_keys(LearningRateSchedule)} | {
        f"augment.{key}" for key in known_keys(AugmentConfig)
    }
    assert hidden == {"trial.prune.rewind.epoch", *(f"trial.train.state0.{key}" for key in in_state0)}
    assert {f"trial.{key}" for key in free_sections()} <= shown


def test_every_section_says_what_it_is() -> None:
    said = {section: reference.words(model.__doc__) for section, model in MODELS.items()}
    assert [section for section, sentence in said.items() if not sentence.endswith(".")] == []


@pytest.mark.parametrize(
    ("key", "values", "default"),
    [
        ("pretraining.epochs", "whole number ≥ 1", "required"),
        ("pretraining.expected.accuracy", "list of 2 x number ≥ 0, ≤ 1", "required"),
        ("trial.prune.rsst.ramp", "number > 0, ≤ 1", "`0.5`"),
        ("trial.data.fold", "whole number ≥ 1", "`1`"),
        ("trial.model.init.source", "`pretrained`, `path`, `partial`, `random`", "required"),
        ("trial.prune.scope", "`layerwise`, `global`", "`global`"),
        ("trial.prune.schedule.kept", "list of number > 0, ≤ 1 or null", "`null`"),
        ("trial.prune.rewind", "`continue`, `init`, `{epoch: e}`", "`continue`"),
        ("search.objective", "a metric, or several", "`val_accuracy`"),
    ],
)
def test_limits_choices_and_defaults_are_read_from_the_classes(key: str, values: str, default: str) -> None:
    assert (ROWS[key].values, ROWS[key].default) == (values, default)


def test_only_the_first_paragraph_of_a_docstring_is_shown() -> None:
    assert reference.words("One\n    sentence.\n\n    Another.") == "One sentence."
    assert reference.words(None) == ""
