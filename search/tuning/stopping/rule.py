"""What a stopping rule answers."""

from __future__ import annotations

import pkgutil
from typing import Protocol, cast

from search.run.views import TrialView
from search.study.searching.scheduler import SchedulerConfig
from search.study.searching.stopping_rules import STOPPING_RULES
from search.tuning.own.failing import blamed_on
from search.tuning.stopping.own import KEY, OwnRule


class StoppingRule(Protocol):
    """A pure function of what it is shown: asked again after a resume, it answers the same.

    It is asked at the ends of states alone, about trials of one arm and one search; never about controls or confirming trials.
    """

    def judged_at(self, trial: TrialView, paired: bool) -> float | None:
        """The removal (percent) to judge a trial at now, which stands at the end of its newest state; None not to.

        `paired`: others stop with it, or none does. The first of them to get anywhere waits for them, and is asked again later.
        """
        ...

    def keeps(self, trial: TrialView, rivals: tuple[TrialView, ...], removed_percent: float) -> bool:
        """Whether it goes on. It has a value at that removal; not each of `rivals`, its arm's other trials, has got there."""
        ...


def rule_of(config: SchedulerConfig) -> StoppingRule:
    """The rule that a study names, made anew; not to be asked for `none`. OwnPartFailed for a user's that cannot be made."""
    with blamed_on(config.kind, KEY):
        found = STOPPING_RULES[config.kind]
    if not isinstance(found, str):
        return OwnRule(found, config)
    return cast(StoppingRule, pkgutil.resolve_name(found)(config))
