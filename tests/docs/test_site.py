"""The site that `make docs` builds: every page is in it and in its navigation, and nothing in it comes from another host."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import prunetune
from tests.configs.files import DOCS, REPOSITORY

SITE = runpy.run_path(str(DOCS / "site_pages.py"))
LOADED = (
    r"""<(?:script|img|iframe|source)[^>]*\ssrc="(https?:)?//|<link[^>]*\shref="(https?:)?//|url\(["']?(https?:)?//"""
)


def test_api_page_has_every_name() -> None:
    shown = re.findall(r"^::: prunetune\.(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(shown) == sorted(prunetune.__all__)


@pytest.mark.parametrize(
    ("link", "named"),
    [(".", "index.html"), ("/.", "index.html"), ("..", "../index.html"), ("../..", "../../index.html")],
)
def test_a_link_to_the_start_names_its_file(link: str, named: str) -> None:
    page = '<a href="{}" class="md-logo"></a><a href="methods.html">'
    for made in (SITE["on_post_page"](page.format(link)), SITE["on_post_template"](page.format(link))):
        assert made == page.format(named)


def test_a_page_that_the_navigation_leaves_out_comes_last() -> None:
    nav: list[Any] = [{"Start": ["index.md", {"Words": "glossary.md"}]}]
    assert SITE["with_the_others"](nav, {"glossary.md", "new.md", "own-parts.md"}) == [
        *nav,
        {"More": ["new.md", "own-parts.md"]},
    ]
    assert SITE["with_the_others"](nav, {"glossary.md"}) == nav


def test_links_from_the_root_lead_to_pages() -> None:
    text = (
        "[a](docs/files.md#stages), [b](configs/), [c](CHANGELOG.md), ![d](docs/images/x.png), [e](https://a.b/docs/c)"
    )
    found = "[a](files.md#stages), [b](configs.md), [c](changelog.md), ![d](images/x.png), [e](https://a.b/docs/c)"
    assert SITE["from_the_root"](text) == found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` does: a link or an anchor that leads nowhere fails it, and is named."""
    built = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(built)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr
    return built


@pytest.mark.slow
def test_every_page_is_in_the_navigation(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    linked = set(re.findall(r'<a href="(?:\./)?([\w-]+)\.html" class="md-nav__link', start)) | {"index"}
    assert linked >= {page.stem for page in DOCS.glob("*.md")} | {Path(name).stem for name in SITE["MADE"]}
    assert all((site / f"{name}.html").is_file() for name in linked)


@pytest.mark.slow
def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    pages = sorted(site.glob("*.html")) + sorted(site.rglob("*.css"))
    assert len(pages) > 25
    texts = {page.name: page.read_text(encoding="utf-8") for page in pages}
    assert [name for name, text in texts.items() if re.search(LOADED, text)] == []
    # The theme's script would fetch a program for these.
    assert [name for name, text in texts.items() if 'class="mermaid"' in text] == []


@pytest.mark.slow
def test_docstrings_and_cells_are_shown(site: Path) -> None:
    api = (site / "api.html").read_text(encoding="utf-8")
    for name in prunetune.__all__:
        assert f'id="prunetune.{name}"' in api, name
    assert "A row per completed state of every trial." in api
    notebook = (site / "notebook.html").read_text(encoding="utf-8")
    assert "A study from a notebook" in notebook
    assert "Exploratory: the best single trial" in notebook
