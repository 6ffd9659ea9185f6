"""Control: Refill with units chosen at random, to show what a criterion is worth."""

from __future__ import annotations

from pruning.methods.base import RemoveAtOnce

RANDOM = RemoveAtOnce("random", criterion="random")
