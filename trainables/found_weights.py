"""Looking for the weights that configurations leave to be found. A study does so once, when it is launched, and tells its
trials."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from models.errors import UserError
from models.weights.finding import find_pretrained
from trainables.config.found import FoundWeights, networks_to_find
from trainables.config.trial import TrialConfig


def find_weights(
    configs: Iterable[TrialConfig], known: FoundWeights | None = None, *, store: Path | None = None
) -> dict[str, dict[str, str]]:
    """What was found for each network of the configurations that asks for it; what is `known` is not looked for again.

    UserError where there is nothing.
    """
    found = {network: dict(one) for network, one in (known or {}).items()}
    for config in configs:
        for asked in networks_to_find(config):
            if asked.network in found:
                continue
            try:
                one = find_pretrained(asked.arch, asked.args, sha256=asked.sha256, store=store)
            except UserError as error:
                raise error.about(asked.key, error.text) from None
            named = {"path": one.path, "sha256": one.sha256, "tag": one.tag, "found": one.told}
            found[asked.network] = {key: str(value) for key, value in named.items() if value is not None}
    return found
