"""How small the networks of a study's arms can end, for what asks to be read at a size."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from models.units.structure import kinds_of
from search.study.arm import Arm, at_its_line
from search.study.corners import joint_corners
from search.study.study import Study
from trainables.config.trial import TrialConfig

if TYPE_CHECKING:
    from trainables.states.smallest_end import SmallestEnd

MOST_CONFIGURATIONS = 64
"""Ends of an arm that are looked at; where a space has more corners, nothing is called impossible."""
DECIDES_THE_END = (
    "model",
    "data",
    "prune.target",
    "prune.method",
    "prune.schedule",
    "prune.scope",
    "prune.widths",
    "prune.fillback_rate",
    "prune.min_kept",
    "prune.round_to",
)
"""Keys on which the size of the last state's network depends."""


class Ends:
    """The smallest last states of a study's arms: measured as far as somebody asks, and each once."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._known: list[tuple[Any, SmallestEnd]] = []

    def of(self, arm: Arm) -> Iterator[SmallestEnd | None]:
        """For each configuration at the ends of the arm's space; None for one that removes nothing.

        Nothing at all where there are too many, or where the size is another arm's (`scratch`).
        """
        corners = list(islice(joint_corners(self._study, arm, DECIDES_THE_END), MOST_CONFIGURATIONS + 1))
        if len(corners) > MOST_CONFIGURATIONS or arm.traits.from_scratch:
            return
        for values in corners:
            config = arm.config(values)
            if not config.prune.traits.makes_smaller:
                yield None
                continue
            with at_its_line(arm, values):
                end = self._end_of(config)
            yield end

    def _end_of(self, config: TrialConfig) -> SmallestEnd:
        from trainables.data import describe_data
        from trainables.data.network_spec import network_spec
        from trainables.states.smallest_end import smallest_end

        prune = config.prune
        plain = prune.model_dump(exclude={"method", "target", "rsst", "rewind", "criterion", "normalize", "score"})
        data = config.data.model_copy(update={"augment": None})
        asked = (config.model, data, kinds_of(prune.target), plain, prune.traits.schedule)
        known = next((end for other, end in self._known if other == asked), None)
        if known is not None:
            return known
        found = smallest_end(config, network_spec(config.model, describe_data(config.data)))
        self._known.append((asked, found))
        return found
