"""Commands that load little start fast."""

from __future__ import annotations

from tests.fresh_process import loaded


def test_help_and_completion_import_nothing_heavy() -> None:
    code = (
        "import importlib; from search import cli\n"
        "for module, _ in cli.COMMANDS.values(): importlib.import_module(module)"
    )
    assert loaded(code, "torch", "ray", "optuna", "timm", "joblib", "scipy") == []


def test_reading_a_study_needs_neither_torch_nor_ray() -> None:
    code = (
        "from pathlib import Path; from search.study.load import load_study\n"
        "load_study(Path('configs/quickstart.yaml'))"
    )
    assert loaded(code, "torch", "ray", "optuna", "timm") == []


def test_a_sweep_speaks_before_torch_and_ray_are_loaded() -> None:
    assert loaded("import search.commands.launch", "torch", "ray", "timm", "matplotlib") == []
