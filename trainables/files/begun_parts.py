"""That a trial is trained by the user's own parts that its run began with, and by no later version of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.errors import UserError
from models.own_parts.loading import keep_what_is_imported
from trainables.config.own import own_parts
from trainables.config.trial import TrialConfig
from trainables.files.changed_parts import difference


def hold_to(begun: Mapping[str, Any], config: TrialConfig, run: object, arm: str) -> None:
    """UserError, naming the file, where a part is not what the run began with. Else what is imported stays as it is in this
    process, whatever becomes of the files, until `keep_what_is_imported(False)`."""
    keep_what_is_imported(False)
    if not begun:
        return
    for origin in own_parts(config).values():
        now, old = origin.to_json(), begun.get(origin.reference)
        if old is not None and old["digest"] != now["digest"]:
            raise UserError(changed_text(run, arm, origin.reference, old, now))
    keep_what_is_imported(True)


def changed_text(run: object, arm: str, reference: str, old: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """That a part is another one than before, how, and what to do."""
    return (
        f"{run}: {reference} of arm {arm} has changed since the run began: {difference(old, now)}; put it back as it was, or "
        "start another run with --name"
    )
