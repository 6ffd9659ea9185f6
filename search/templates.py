"""Texts made from templates: a variable that a template lacks is an error, and tags leave no blank lines."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(package: str, folder: str = "templates", *, escaped: bool = False) -> Environment:
    """Of the templates in a package's folder. `escaped`: every value is, as HTML needs it."""
    return Environment(
        loader=PackageLoader(package, folder),
        autoescape=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
