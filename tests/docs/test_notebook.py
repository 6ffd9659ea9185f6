"""The notebook of the pages does what it shows."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from search.console import table_text
from tests.configs.files import DOCS

NOTEBOOK = runpy.run_path(str(DOCS / "run_notebook.py"))


def test_a_table_is_text_in_a_notebook_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """There rich would show it in the cell, and leave the text empty."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert "rsst" in table_text(["arm"], [["rsst"]])


@pytest.mark.slow
def test_it_runs(tmp_path: Path) -> None:
    notebook = NOTEBOOK["plain"](NOTEBOOK["executed"](tmp_path))
    said = [
        "".join(output.get("text") or output["data"]["text/plain"])
        for c in notebook.cells
        for output in c.get("outputs", ())
    ]
    assert len(said) == 8
    assert said[1].startswith("[Trial('refill', finished, val_accuracy=0.")
    assert "Exploratory: the best single trial is" in said[4]
    assert (tmp_path / "small" / "model.onnx").is_file()


def test_what_is_kept_of_it_is_little_and_of_no_place_of_ours() -> None:
    text = (DOCS / "notebook.ipynb").read_text(encoding="utf-8")
    assert len(text) < 20_000
    assert not any(word in text for word in ("/work/", "/tmp/", "/root/", "/home/"))
    code = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] is None for cell in code)
    assert all(cell["outputs"] for cell in code), "python docs/run_notebook.py"
