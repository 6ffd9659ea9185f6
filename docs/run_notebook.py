"""Run the notebook of these pages in an empty folder, and keep what its cells say as text.

`python docs/run_notebook.py` renews docs/notebook.ipynb.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().with_name("notebook.ipynb")
SECONDS = 240
"""That a cell may take, on a machine that does other work too."""


def executed(folder: Path) -> Any:
    """The notebook, run in `folder` with prunetune as this process has it; raises nbclient's CellExecutionError with the
    traceback of a cell that fails."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    path = os.pathsep.join(filter(None, [str(NOTEBOOK.parents[1]), os.environ.get("PYTHONPATH")]))
    client = NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute(env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"})
    return notebook


def plain(notebook: Any) -> Any:
    """The notebook with what its cells printed and gave, as text alone, and nothing that differs from run to run otherwise."""
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [kept for output in cell.outputs if (kept := _kept(output)) is not None]
    return notebook


def _kept(output: Any) -> Any:
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    text = output.get("data", {}).get("text/plain")
    if text is None:
        return None
    return nbformat.v4.new_output("execute_result", {"text/plain": text})  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        nbformat.write(plain(executed(Path(made))), NOTEBOOK)  # type: ignore[no-untyped-call]
