"""prunetune's own study and pretraining files, for whoever has installed it and has no checkout: `quickstart` names one."""

from __future__ import annotations

import sys
from pathlib import Path

from models.names import nearest, suggestion
from models.versions import ROOT

FOLDER = ROOT / "configs"
"""In a checkout and where it is installed alike."""


def found(path: Path) -> Path:
    """The path itself. Where nothing is there and it is a bare name, prunetune's own file of that name, which is said."""
    own = FOLDER / f"{path.name}.yaml"
    if path.suffix or len(path.parts) != 1 or path.exists() or not own.is_file():
        return path
    print(f"prunetune: there is no file {path} here; taking prunetune's own, {own}", file=sys.stderr)
    return own


def hint(path: Path) -> str:
    """For a message that there is no such file: the bare name of ours that is called like it, or nearly."""
    if len(path.parts) == 1 and not path.suffix:
        near = nearest(path.name, sorted(one.stem for one in FOLDER.glob("*.yaml")))
        return f"{suggestion(near)}, which is prunetune's own" if near else ""
    if path.suffix != ".yaml" or not (FOLDER / path.name).is_file():
        return ""
    return f"; `{path.stem}` alone names prunetune's own file of that name, {FOLDER / path.name}"
