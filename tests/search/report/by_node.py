"""The page's own scripts, run by node: what a browser would make of the page's data."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

TEMPLATES = Path(__file__).resolve().parents[3] / "search" / "report" / "templates"


def run_script(code: str, file: str = "trials.js") -> Any:
    """What `code` returns where a file of the page's scripts is loaded."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here to run the page's script by")
    source = (TEMPLATES / file).read_text(encoding="utf-8")
    program = f"{source}\n(async () => {{ {code} }})().then((found) => console.log(JSON.stringify(found)))"
    done = subprocess.run([node, "-e", program], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)
