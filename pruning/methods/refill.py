"""Refill (Chen et al., ICML 2022, arXiv 2202.04736): the unselected units go at once, the state trains what is left."""

from __future__ import annotations

from pruning.methods.base import RemoveAtOnce

REFILL = RemoveAtOnce("refill")
