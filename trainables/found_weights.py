"""Looking for the weights that configurations leave to be found. A study does so once, when it is launched, and tells its
trials."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from models.errors import UserError
from models.networks.variants import known_as
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
        for key, arch, args in networks_to_find(config):
            network = known_as(arch, args)
            if network in found:
                continue
            try:
                one = find_pretrained(arch, args, store=store)
            except UserError as error:
                raise error.about(key, error.text) from None
            named = {"path": str(one.path)} if one.path is not None else {"tag": str(one.tag)}
            found[network] = {**named, "found": one.told}
    return found
