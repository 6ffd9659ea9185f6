"""What a search budget buys: the expected best of n configurations (Dodge et al., EMNLP 2019)."""

from __future__ import annotations

from collections.abc import Sequence


def expected_best(values: Sequence[float]) -> list[float]:
    """Expected maximum of n values drawn with replacement from `values`, for n = 1..len(values).

    With V sorted ascending and N values: sum over i of V_i * ((i/N)^n - ((i-1)/N)^n) (their equations 7 and 8).
    """
    ordered = sorted(values)
    count = len(ordered)
    return [
        sum(value * ((rank / count) ** n - ((rank - 1) / count) ** n) for rank, value in enumerate(ordered, start=1))
        for n in range(1, count + 1)
    ]
