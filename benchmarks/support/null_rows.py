"""Rows of a table over many simulated studies: how often a verdict told two arms apart, which way, and what else it said."""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from benchmarks.support.null_study import Arms
from search.evidence.comparison import Comparison
from search.evidence.contrasts import Contrast
from search.evidence.statistics import wilson_interval

HEADING = f"{'told apart':>11}   {'95 % interval':<19}{'wrong way':>10}{'equivalent':>12}"


def study_options(about: str | None, arms: Arms) -> argparse.ArgumentParser:
    """The options of all such programs; `arms` is the default of `--arms`."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="number of the first study, to spread them over processes")
    parser.add_argument("--arms", choices=get_args(Arms), default=arms)
    parser.add_argument("--effect", type=float, default=0.0, help="points")
    return parser


def introduction(options: argparse.Namespace) -> str:
    return (
        f"{options.studies} studies a row, {options.arms} arms, alpha 0.05, one arm better by {options.effect:g} points"
    )


def contrasts(options: argparse.Namespace, compared: Callable[[Path, int], Comparison]) -> list[Contrast]:
    """The one contrast of each study, which `compared` runs in a folder of its own by its number."""
    found: list[Contrast] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.first, options.first + options.studies):
            place = Path(folder) / str(number)
            place.mkdir()
            (contrast,) = compared(place, number).primary
            found.append(contrast)
    return found


def figures(found: Sequence[Contrast]) -> str:
    """What stands under HEADING."""
    kinds = Counter(contrast.kind for contrast in found)
    apart = kinds["better"] + kinds["worse"]
    low, high = wilson_interval(apart, len(found))
    shares = [100 * count / len(found) for count in (apart, kinds["worse"], kinds["equivalent"])]
    interval = f"[{100 * low:.1f} %, {100 * high:.1f} %]"
    return f"{shares[0]:>9.1f} %   {interval:<19}{shares[1]:>8.1f} %{shares[2]:>10.1f} %"
