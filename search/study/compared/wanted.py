"""What a claim asks of other keys of the study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.study.study import Study

Wanted = Mapping[tuple[str, str], tuple[bool, str, Any]]
"""Path of a key → whether it is as the claim needs it, what that is in words, and what was found."""


def check_wanted(study: Study, wanted: Wanted) -> None:
    """UserError, at its line, for the first that is not as the study's claim needs it."""
    for path, (holds, expected, found) in wanted.items():
        if not holds:
            claim = study.compare.claim
            raise study.sources.error(path, f": compare.claim {claim} needs {expected}, found {found}")
