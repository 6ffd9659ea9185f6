"""Imported by Ray in each process that is to run trials, as it starts: what every trial needs is then loaded already."""

from __future__ import annotations

import gc

# It would look ten times through a million objects of which none will go: half a second in each process.
gc.disable()
try:
    import trainables.trial
    import trainables.tune_trainable  # noqa: F401
finally:
    gc.enable()
