"""A run's arms side by side: the table, the primary family of tests fixed by the study, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from models.errors import UserError
from search.evidence.arm_summary import ArmSummary, summarise_arm
from search.evidence.claim import claim_text, reach_text
from search.evidence.contrasts import Contrast, decide
from search.evidence.equal_cost import EqualCost, equal_cost
from search.evidence.formats import counted
from search.evidence.growth.rule import Reading, Rule, reading_of
from search.evidence.paired.differences import Measured, last_level, measure
from search.evidence.paired.divergence import DivergenceContrast, divergence_contrasts
from search.evidence.paired.scope import trials_word
from search.evidence.paired.units import replicates
from search.evidence.penalty import penalty_sentences
from search.evidence.verdict import (
    WITHOUT_CONFIRMATION,
    chosen_sentence,
    contrast_sentence,
    divergence_sentence,
    exploratory_sentence,
)
from search.run.best import criterion, is_plain
from search.run.results import RunResults, TrainingDone
from search.study.claims import OF_SEARCH
from search.study.sections import CompareConfig, Level

EXPLORATORY_SHARES = (0.75, 0.5, 0.25)
"""Shares of dense MACs looked at beside the primary family, where every trial reaches them."""


@dataclass(frozen=True)
class Comparison:
    """`primary` are the study's own claims, with `divergence` beside them; `secondary` is looked at and claims nothing.

    `caveats` are the reasons why the verdict is exploratory; without one it stands on confirmed seeds.
    """

    run: str
    settings: CompareConfig
    baseline: str
    """Whom all others are compared with but for those of `settings.against`."""
    rows: tuple[ArmSummary, ...]
    primary: tuple[Contrast, ...]
    divergence: tuple[DivergenceContrast, ...]
    """How often training diverged: a family of its own."""
    secondary: tuple[Contrast, ...]
    caveats: tuple[str, ...]
    rule: Rule
    """Whether the contrasts were tested once, at looks stated before, or by evidence that is valid at any time."""
    verdict: str
    training: TrainingDone
    """What the run really cost; the arms' own figures are as if each trial had trained every state itself."""
    equal_cost: tuple[EqualCost, ...] = ()
    """Looked at too: the arms at equal training MACs, on validation."""

    @property
    def exploratory(self) -> bool:
        return bool(self.caveats)

    @property
    def settled(self) -> bool:
        """Whether every contrast that can be tested is claimed one way or the other, and none of it is exploratory."""
        tested = [contrast for contrast in self.primary if contrast.p_value is not None]
        return bool(tested) and not self.exploratory and all(one.kind != "not settled" for one in tested)

    def named(self, arm: str, opponent: str) -> str:
        """An arm in a table of those compared: with whom, where that is not the baseline."""
        return arm if opponent == self.baseline else f"{arm} (against {opponent})"

    def to_json(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "settings": self.settings.model_dump(mode="json"),
            "baseline": self.baseline,
            "arms": {row.arm: row.to_json() for row in self.rows},
            "primary": [contrast.to_json() for contrast in self.primary],
            "divergence": [contrast.to_json() for contrast in self.divergence],
            "secondary": [contrast.to_json() for contrast in self.secondary],
            "training": asdict(self.training),
            "equal_training_cost": [row.to_json() for row in self.equal_cost],
            "exploratory": self.exploratory,
            "caveats": list(self.caveats),
            "rule": self.rule,
            "verdict": self.verdict,
        }


def compare(results: RunResults) -> Comparison:
    """Compare a run's arms. With one arm the table has one row and the verdict says that there is nothing to compare.

    Raises UserError where no trial has finished or the study's baseline is no arm of it.
    """
    require_finished(results)
    settings, names = results.study.compare, results.arm_names
    removing = _compared(results)
    baseline = settings.baseline or (removing or names)[0]
    if baseline not in names:
        raise UserError(f"compare.baseline: {baseline!r} is no arm of this study; its arms are {', '.join(names)}")
    reading = reading_of(results)
    complete, training, results = results.complete, results.training, reading.read(results)
    rows = tuple(summarise_arm(results, arm, settings.metric, settings.alpha) for arm in names)
    others = [arm for arm in removing if arm != baseline]
    opponents = {arm: settings.opponent_of(arm, baseline) for arm in others}
    primary = decide(_primary_contrasts(results, opponents), settings, reading)
    small = {arm: other for arm, other in opponents.items() if other in removing}
    looked_at = _secondary_contrasts(results, small)
    secondary = decide(looked_at, settings, reading)
    divergence = divergence_contrasts(results, opponents, settings.alpha, reading)
    caveats = tuple(_caveats(results, rows, interim=not complete and not reading.stands))
    return Comparison(
        run=str(results.run),
        settings=settings,
        baseline=baseline,
        rows=rows,
        primary=tuple(primary),
        divergence=tuple(divergence),
        secondary=tuple(secondary),
        caveats=caveats,
        rule=reading.rule,
        verdict=" ".join([_verdict(results, rows, primary, divergence, caveats, reading), *penalty_sentences(results)]),
        training=training,
        equal_cost=tuple(equal_cost(results, baseline, settings.alpha)),
    )


def _compared(results: RunResults) -> list[str]:
    """The arms that contrasts speak of. What never gets smaller (dense, imp) has no place at equal removal or equal MACs: a
    row, not a test; but over folds whole networks are compared where no arm makes a smaller one."""
    traits = {name: [trial.traits for trial in results.of_arm(name)] for name in results.arm_names}
    smaller = [name for name, found in traits.items() if any(one.ends_small for one in found)]
    if smaller or results.study.compare.claim != "folds":
        return smaller
    return [name for name, found in traits.items() if found and not any(one.masks for one in found)]


def require_finished(results: RunResults) -> None:
    if not any(trial.finished for trial in results.trials):
        counts = f"{counted(len(results.trials), 'trial')}, none finished"
        raise UserError(f"{results.run}: {counts}; run `prunetune resume {results.run}` to finish some")


def _primary_contrasts(results: RunResults, opponents: Mapping[str, str]) -> list[Measured]:
    """At the study's levels; without any, at the last state. `opponents`: arm → whom it is compared with."""
    return [
        measure(results, arm, other, level, with_images=True)
        for arm, other in opponents.items()
        if replicates(results, arm) and replicates(results, other)
        for level in results.study.compare.at or last_level(results, (arm, other))
    ]


def _secondary_contrasts(results: RunResults, opponents: Mapping[str, str]) -> list[Measured]:
    stated = {level.value for level in results.study.compare.at if level.axis == "macs"}
    levels = [Level(axis="macs", value=share) for share in EXPLORATORY_SHARES if share not in stated]
    looked_at = [measure(results, arm, other, level) for arm, other in opponents.items() for level in levels]
    return [measured for measured in looked_at if measured.differences]


def _caveats(results: RunResults, rows: Sequence[ArmSummary], *, interim: bool) -> list[str]:
    caveats: list[str] = []
    claim = results.study.compare.claim
    if not any(row.confirmed for row in rows):
        return ["no confirm phase has run"]
    for row in rows:
        if row.confirmed is None:
            caveats.append(f"{row.arm} has no {'finished' if claim in OF_SEARCH else 'confirmed'} trial")
        elif row.confirmed.missing:
            missing = row.confirmed.missing
            have = "has" if missing == 1 else "have"
            caveats.append(f"{counted(missing, trials_word(claim))} of {row.arm} {have} not finished")
        if claim not in OF_SEARCH and (lost := results.unconfirmed_searches(row.arm)):
            numbers = ", ".join(map(str, lost))
            caveats.append(f"{row.arm} chose nothing in {counted(len(lost), 'search')} (number {numbers})")
    if interim:
        caveats.append("the study is not complete, so this is an interim look")
    for row in rows:
        sources: dict[tuple[int, str], set[str]] = {}
        for trial in results.of_arm(row.arm, "confirm"):
            sources.setdefault((trial.identity.replicate, trial.identity.recipe), set()).add(str(trial.source))
        mixed = sorted(source for found in sources.values() if len(found) > 1 for source in found)
        if mixed:
            caveats.append(f"{row.arm}'s confirm trials repeat different configurations: {', '.join(mixed)}")
    return caveats


def _why_nothing_is_claimed(results: RunResults) -> str:
    """Of a run of which no confirm trial has finished."""
    if results.study.search.confirm is None:
        return WITHOUT_CONFIRMATION
    begun = any(trial.identity.phase == "confirm" for trial in results.trials)
    return (
        f"{'no confirm trial has finished' if begun else 'the confirm phase has not begun'}, so nothing is claimed yet"
    )


def _verdict(
    results: RunResults,
    rows: Sequence[ArmSummary],
    primary: Sequence[Contrast],
    divergence: Sequence[DivergenceContrast],
    caveats: Sequence[str],
    reading: Reading,
) -> str:
    if len(rows) == 1:
        return f"One arm ({rows[0].arm}): there is nothing to compare it with."
    if not any(row.confirmed for row in rows):
        search, why = results.study.search, _why_nothing_is_claimed(results)
        return (
            exploratory_sentence(rows, why)
            if is_plain(search)
            else chosen_sentence(results.best_of_run(), criterion(search), why)
        )
    sentences = [
        f"{claim_text(results, (one.arm, one.baseline))}: {contrast_sentence(one, results.study.compare)}"
        for one in primary
    ]
    if not sentences:
        sentences = ["No two arms were confirmed at a common removal, so nothing can be claimed."]
    sentences += [divergence_sentence(contrast) for contrast in divergence if contrast.any]
    if primary and (reach := reach_text(results)):
        sentences.append(reach)
    text = " ".join(sentences)
    if reading.grown:
        text = f"The study was grown ({reading.grown}), so this rests on evidence that is valid at any time: {text}"
    return f"Exploratory ({'; '.join(caveats)}): {text}" if caveats else text
