"""Control: everything is removed at the first event, to show what many small events are worth."""

from __future__ import annotations

from pruning.methods.base import RemoveAtOnce

ONE_SHOT = RemoveAtOnce("one_shot", schedule="one_shot")
