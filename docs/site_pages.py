"""The pages of the site that are no files under docs/: the README as its start, the changes, the studies, the notebook.

A hook of mkdocs (mkdocs.yml). Each is made from its source when the site is built, so that there is no copy to go stale.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
CONFIGS = ROOT / "configs"
MADE = ("index.md", "changelog.md", "configs.md", "notebook.md")
FROM_THE_ROOT = {"CHANGELOG.md": "changelog.md", "configs/": "configs.md", "docs/notebook.ipynb": "notebook.md"}
"""What the README links to → the page of the site."""
TO_THE_START = re.compile(r'href="(/?\.|\.\.(?:/\.\.)*)/?"')


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Pages that the navigation leaves out come last in it."""
    config.nav = with_the_others(list(config.nav or []), {page.name for page in DOCS.glob("*.md")})
    return config


def with_the_others(nav: list[Any], pages: set[str]) -> list[Any]:
    """A navigation, and under More the pages that it does not name."""
    others = sorted(pages - set(re.findall(r"'([\w-]+\.md)'", repr(nav))))
    return [*nav, {"More": others}] if others else nav


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages that are made, and the files that these link to."""
    pages = {
        "index.md": from_the_root((ROOT / "README.md").read_text(encoding="utf-8")),
        "changelog.md": from_the_root((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")),
        "configs.md": studies_page(),
        "notebook.md": notebook_page(DOCS / "notebook.ipynb"),
    }
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    for path in [ROOT / "LICENSE", *sorted(CONFIGS.glob("*.yaml"))]:
        files.append(File.generated(config, str(path.relative_to(ROOT)), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_given: Any) -> str:
    """A page under docs/ links to the notebook itself, which only a repository shows."""
    return markdown.replace("](notebook.ipynb)", "](notebook.md)")


def on_post_page(output: str, **_given: Any) -> str:
    """A link to the start names its file: of a folder a browser shows a listing, where the site is opened from disk."""
    return TO_THE_START.sub(lambda link: f'href="{"" if link[1] in (".", "/.") else f"{link[1]}/"}index.html"', output)


def on_post_template(output_content: str, **_given: Any) -> str:
    """Of 404.html."""
    return on_post_page(output_content)


def from_the_root(text: str) -> str:
    """A text whose links start from the repository's root, for a page among those of docs/."""

    def moved(link: re.Match[str]) -> str:
        target = link[1]
        return f"]({FROM_THE_ROOT.get(target, target.removeprefix('docs/'))})"

    return re.sub(r"\]\(([^)\s]+)\)", moved, text)


def studies_page() -> str:
    """Every study and pretraining file of configs/, with the comment that it begins with."""
    lines = ["# Studies that run as they are", ""]
    for path in sorted(CONFIGS.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        comment = re.match(r"(?:#.*\n)*", text)
        told = re.sub(r"^# ?", "", comment[0] if comment else "", flags=re.MULTILINE)
        lines += [
            f"## {path.stem}",
            "",
            f"[configs/{path.name}](configs/{path.name})",
            "",
            "```text",
            told.strip(),
            "```",
            "",
        ]
    return "\n".join(lines)


def notebook_page(path: Path) -> str:
    """A notebook's cells, and what its code cells printed or gave, as text."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        told = "".join(_text_of(output) for output in cell["outputs"]).rstrip()
        if told:
            parts.append(f"```text\n{told}\n```")
    return "\n\n".join(parts) + "\n"


def _text_of(output: dict[str, Any]) -> str:
    text = output.get("text") or output.get("data", {}).get("text/plain", [])
    return "".join(text)
