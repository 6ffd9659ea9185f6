"""Figures as a person reads them, each with its unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def points(difference: float | None, sign: bool = True) -> str:
    """An accuracy difference in percentage points."""
    if difference is None:
        return "–"
    return f"{100 * difference:+.2f}" if sign else f"{100 * difference:.2f}"


def percent(accuracy: float | None) -> str:
    return "–" if accuracy is None else f"{100 * accuracy:.2f} %"


def whole_percent(share: float) -> str:
    """A share without decimals or sign: `50`. Where something is left it is never 0, where something is gone never 100."""
    text = f"{100 * share:.0f}"
    if text == "0" and share > 0:
        return "<1"
    return ">99" if text == "100" and share < 1 else text


def interval_text(interval: tuple[float, float] | None) -> str:
    """`[+0.31, +1.20]` in points; says so where too few seeds bound nothing."""
    if interval is None or not math.isfinite(interval[0]):
        return "[too few seeds for an interval]"
    return f"[{points(interval[0])}, {points(interval[1])}]"


def p_text(p_value: float | None) -> str:
    if p_value is None:
        return "–"
    return f"{p_value:.4f}" if p_value >= 0.0001 else "< 0.0001"


def p_told(p_value: float | None) -> str:
    """`p = 0.0160`, `p < 0.0001`."""
    return f"p {'' if p_value is not None and p_value < 0.0001 else '= '}{p_text(p_value)}"


def number(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def short(value: float | None) -> str:
    """A count with three digits and k, M, G, T or P."""
    if value is None:
        return "–"
    for factor, letter in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g} {letter}"
    return f"{value:.3g}"


def counted(count: int, word: str) -> str:
    """`1 seed`, `8 seeds`, `8 searches`."""
    return f"{count} {word if count == 1 else plural(word)}"


def plural(word: str) -> str:
    """`seeds`, `searches`, `epochs`, `processes`."""
    return word + ("es" if word.endswith(("rch", "nch", "ss")) else "s")


def values_text(values: Mapping[str, Any]) -> str:
    """`train.lr 0.001, train.batch_size 64`."""
    return ", ".join(
        f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in values.items()
    )


def duration(seconds: float) -> str:
    """`38 s`, `12 min 05 s`, `5 h 12 min`, `13 days 4 h`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours_of_day = divmod(hours, 24)
    if days > 1:
        return f"{days} days {hours_of_day} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def gigabytes(count: float) -> str:
    """Of bytes: `12 GB`, `1.2 GB`, `0.12 GB`, `40 MB`, `under 1 MB`."""
    size = count / 1e9
    if size < 0.001:
        return "under 1 MB"
    if size < 0.1:
        return f"{1000 * size:.0f} MB"
    return f"{size:.0f} GB" if size >= 10 else f"{size:.1f} GB" if size >= 1 else f"{size:.2f} GB"


TIMED = "the fastest of a few dense steps counts, without evaluation; pruning, sharing and early stopping make it less"


def time_text(seconds: float) -> str:
    """`about 3 min 10 s as busy as this machine is now`: no bound, for what runs beside it changes."""
    return f"about {duration(max(1.0, seconds))} as busy as this machine is now"
