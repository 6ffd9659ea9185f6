"""What a process of its own has loaded: in the tests' own process nearly everything is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def loaded(code: str, *names: str) -> list[str]:
    """Which of the modules `names` a new Python in the repository's root has loaded once it has run `code`."""
    tells = f"import json, sys\nprint(json.dumps([name for name in {names!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tells}"], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    found: list[str] = json.loads(done.stdout)
    return found
