"""Whether capturing a step repays: by what earlier captures of this process took and saved, and until then by a guess."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_CAPTURE = 10.0
"""What a first capture is taken to cost, in eager steps: it launches three steps' work and copies all weights twice."""
FIRST_SHARE = 0.75
"""What a replayed step is taken to last, as a share of an eager one. Every new network is given at least this much hope: a
smaller one does less on the GPU for as many launches."""


@dataclass
class GraphCosts:
    """`capture` in eager steps and `share` of an eager step's time, as last measured."""

    capture: float = FIRST_CAPTURE
    share: float = FIRST_SHARE

    def repays(self, steps: int) -> bool:
        """Over so many steps of one network: steps * (1 - share) > capture."""
        return steps * (1.0 - min(self.share, FIRST_SHARE)) > self.capture

    def learn(self, *, eager: float, replayed: float, capture: float) -> None:
        """From the seconds of an eager step, of a replayed one, and of a capture with its check."""
        self.capture, self.share = capture / eager, replayed / eager
