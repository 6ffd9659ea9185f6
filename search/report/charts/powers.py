"""Ticks of logarithmic axes in plain letters: no text of a figure is read as a formula, since a class may be named `$x^{$`."""

from __future__ import annotations

import re

from matplotlib.ticker import LogFormatterSciNotation

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_FORMULA = re.compile(r"^\$\\mathdefault\{(.*)\}\$$")
_EXPONENT = re.compile(r"\^\{([-0-9]+)\}")


class Powers(LogFormatterSciNotation):
    """`10⁻³` and `2×10⁻³`, where matplotlib's own formatter writes formulas."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        text = _FORMULA.sub(r"\1", super().__call__(x, pos)).replace(r"\times", "×")
        return _EXPONENT.sub(lambda found: found[1].translate(_RAISED), text)
