"""The study and pretraining files of the repository."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGS = REPOSITORY / "configs"
CLUSTER = CONFIGS / "cluster"
DOCS = REPOSITORY / "docs"

PRETRAININGS = sorted(CONFIGS.glob("pretrain_*.yaml"))
STUDIES = sorted(set(CONFIGS.glob("*.yaml")) - set(PRETRAININGS))


def header(path: Path) -> str:
    """The comment that a file begins with, as running text."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(lines)
