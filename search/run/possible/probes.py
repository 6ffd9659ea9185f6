"""The k-NN probe of initial weights, once for all arms that start from the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainables.config.trial import TrialConfig

if TYPE_CHECKING:
    from trainables.prepare import Prepared
    from trainables.probe import ProbeResult


class Probes:
    """The k-NN probe of each network, weights and data, which several arms may share."""

    def __init__(self) -> None:
        self._done: list[tuple[Any, ProbeResult]] = []

    def of(self, config: TrialConfig, prepared: Prepared) -> ProbeResult:
        from trainables.probe import probe_procedure

        header = prepared.header
        asked = (config.data, header["data"], header["spec"], header["weights"]["digest"])
        for known, result in self._done:
            if known == asked:
                return result
        result = probe_procedure(prepared.procedure)
        self._done.append((asked, result))
        return result
