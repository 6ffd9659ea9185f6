"""The study files of this repository, from which all others are made here."""

from __future__ import annotations

from tests.configs.files import DOCS, REPOSITORY, STUDIES


def _of_readme() -> str:
    return (REPOSITORY / "README.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]


FILES = {path.name: path.read_text(encoding="utf-8") for path in (*STUDIES, DOCS / "complete-study.yaml")}
FILES["README.md"] = _of_readme()
