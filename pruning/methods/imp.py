"""Control: iterative magnitude pruning of single weights (Frankle & Carbin, ICLR 2019), masks instead of removal."""

from __future__ import annotations

from pruning.methods.base import RemoveNothing

IMP = RemoveNothing("imp", masks=True)
