"""Control: the same epochs with nothing removed, to show what training alone gives."""

from __future__ import annotations

from pruning.methods.base import RemoveNothing

DENSE = RemoveNothing("dense")
