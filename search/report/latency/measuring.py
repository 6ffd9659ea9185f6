"""Networks timed in turns within a few seconds; what cannot be built or run costs its dot and no report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.units.structure import Structure
from search.report.latency.networks import Network, spec_of
from search.run.candidates import Candidate

SECONDS = 5.0
"""For all of them; whatever would not come to FEWEST rounds in it is left out, but for the two that are asked for first."""
FEWEST = 6
"""Rounds; of fewer the median has no interval."""
LETTERS = 200
"""Of an error that is told below a figure."""
NO_TIME = f"no time was left in the {SECONDS:g} seconds that a report measures for"
Run = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Median milliseconds and the ends of its 95 % interval; of a recorded one both are the median."""

    ms: float
    low: float
    high: float


def measured_in_turns(missing: Sequence[Network], known: Sequence[Network]) -> tuple[dict[str, Timing], dict[str, str]]:
    """Key → what it takes, and key → why it is not there. Nothing is measured where none of the missing ones can be built.

    A network may be of a user's own code, which may be gone, or end in any error: that costs its dot and no report.
    """
    from models.cost import one_thread
    from models.turns import all_in_turns

    until, ready, reasons = time.monotonic() + SECONDS, dict[str, tuple[Run, float]](), dict[str, str]()
    with one_thread():
        _prepare(missing, until, ready, reasons)
        if not ready:
            return {}, reasons
        _prepare(known, until, ready, reasons)
        try:
            medians = all_in_turns([run for run, _ in ready.values()], until=until, fewest=FEWEST)
        except (Exception, SystemExit) as error:
            return {}, reasons | dict.fromkeys(ready, _shortened(error))
    return {key: Timing(*median) for key, median in zip(ready, medians, strict=True)}, reasons


def _prepare(
    networks: Sequence[Network], until: float, ready: dict[str, tuple[Run, float]], reasons: dict[str, str]
) -> None:
    """Adds each to `ready`, with the seconds of a pass, or says in `reasons` why not."""
    for one in networks:
        if len(ready) > 1 and time.monotonic() + FEWEST * sum(seconds for _, seconds in ready.values()) > until:
            reasons[one.key] = NO_TIME
            continue
        try:
            run = forward_pass(one.of[0])
            run()
            begun = time.monotonic()
            run()
            ready[one.key] = run, time.monotonic() - begun
        except (Exception, SystemExit) as error:
            reasons[one.key] = _shortened(error)


def forward_pass(candidate: Candidate) -> Run:
    """Of one image through the candidate's network, whose weights need not have been kept."""
    import torch

    from models.save_load import build_compact
    from models.spec import ModelSpec

    spec = ModelSpec.from_json(spec_of(candidate))
    model = build_compact(spec, Structure.from_json(candidate.state.structure)).eval()
    image = torch.zeros(1, *spec.input_shape)

    def run() -> object:
        with torch.inference_mode():
            return model(image)

    return run


def _shortened(error: BaseException) -> str:
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return words if len(words) <= LETTERS else f"{words[:LETTERS]}…"
