"""A removal, or a share of MACs, that something is read at and no network gets to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search.run.possible.ends import Ends
from search.study.arm import Arm
from search.study.claims import baseline_of, comparing_arms
from search.study.sections import Level
from search.study.study import Study

if TYPE_CHECKING:
    from trainables.states.smallest_end import SmallestEnd

SLACK = 1e-9


def check_levels(study: Study, ends: Ends) -> list[str]:
    """UserError for a `search.objective` that is read, or a `compare.at` that is compared, where no last state gets to.

    Returns a warning for each level that some of the study's networks do not get to.
    """
    _check_objectives(study, ends)
    baseline = study.arms[baseline_of(study)]
    others = [study.arms[name] for name in comparing_arms(study) if name != baseline.name]
    if not others:
        return []
    return [line for level in study.compare.at for line in _check_level(study, level, others, baseline, ends)]


def _check_objectives(study: Study, ends: Ends) -> None:
    for objective in study.search.objective:
        if objective.at is None:
            continue
        level = Level(axis="removed_percent", value=objective.at)
        # References are read at their last state, whatever the objective says.
        for arm in (one for one in study.arms.values() if one.traits.makes_smaller):
            found = list(ends.of(arm))
            reach = _reach(found, level)
            if reach is not None and not reach.some_get_there and None not in found:
                raise study.sources.error(
                    ("search", "objective"),
                    f": {objective.metric} at {level.text}: no state of arm {arm.name} gets there: its smallest last state has "
                    f"{reach.text(reach.most)}; read it at less, or let prune.schedule's ratios remove more",
                )


@dataclass(frozen=True)
class Reach:
    """How near an arm's last states come to a level: those of its least and of its most pruning configuration, in percent
    removed or as shares of dense MACs."""

    level: Level
    least: float
    most: float

    @property
    def some_get_there(self) -> bool:
        return self._gets_there(self.most)

    @property
    def all_get_there(self) -> bool:
        return self._gets_there(self.least)

    def _gets_there(self, end: float) -> bool:
        if self.level.axis == "removed_percent":
            return end >= self.level.value - SLACK
        return end <= self.level.value + SLACK

    def text(self, end: float) -> str:
        return f"{end:.1f} % removed" if self.level.axis == "removed_percent" else f"{100 * end:.1f} % of dense MACs"


def _reach(ends: Sequence[SmallestEnd | None], level: Level) -> Reach | None:
    """None where nothing is known of the ends."""
    if not ends:
        return None
    if level.axis == "removed_percent":
        removed = [0.0 if end is None else end.removed_percent for end in ends]
        return Reach(level, min(removed), max(removed))
    shares = [1.0 if end is None else end.macs / end.dense_macs for end in ends]
    return Reach(level, max(shares), min(shares))


def _check_level(study: Study, level: Level, others: Sequence[Arm], baseline: Arm, ends: Ends) -> list[str]:
    found = {arm.name: _reach(list(ends.of(arm)), level) for arm in (*others, baseline)}
    known = {name: reach for name, reach in found.items() if reach is not None}
    short = {name: reach.text(reach.most) for name, reach in known.items() if not reach.some_get_there}
    opponents = {arm.name: study.compare.opponent_of(arm.name, baseline.name) for arm in others}
    if all(arm in short or other in short for arm, other in opponents.items()):
        each = ", ".join(f"{name} {most}" for name, most in short.items())
        raise study.sources.error(
            ("compare", "at"),
            f": {level.text}: no two arms can be compared there (smallest last states: {each}); compare nearer to the dense "
            "network, or let prune.schedule's ratios remove more",
        )
    lines = [
        f"compare.at: {level.text}: {name} is not compared there, since its smallest last state has {most}"
        for name, most in short.items()
    ]
    if _is_ensured(study, level):
        return lines
    return lines + [
        f"compare.at: {level.text}: {name} is compared there only if its search chooses a configuration that gets there (its "
        f"last states have from {reach.text(reach.least)} to {reach.text(reach.most)}); an objective at that removal, or a "
        "constraint, leaves the others out"
        for name, reach in known.items()
        if reach.some_get_there and not reach.all_get_there
    ]


def _is_ensured(study: Study, level: Level) -> bool:
    """Whether what the search may choose gets to the level."""
    search = study.search
    if study.compare.claim == "average":
        return False
    if level.axis == "macs":
        limits = [one.bound for one in search.constraints if (one.metric, one.op, one.share) == ("macs", "<=", True)]
        return any(bound <= level.value + SLACK for bound in limits)
    places = [one.at for one in search.objective if one.at is not None]
    places += [one.bound for one in search.constraints if (one.metric, one.op) == ("removed_percent", ">=")]
    return any(place >= level.value - SLACK for place in places)
