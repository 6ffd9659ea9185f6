"""What a command says while it works: one line on standard error, with the time.

Nobody should look at an empty terminal. Imports nothing heavy, for it speaks before torch and Ray are loaded, which alone
takes seconds."""

from __future__ import annotations

import sys
import time


def announce(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
