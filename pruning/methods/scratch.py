"""Control: a named arm's final structure trained from random weights, to show what the inherited weights are worth."""

from __future__ import annotations

from pruning.methods.base import RemoveNothing

SCRATCH = RemoveNothing("scratch", from_scratch=True)
