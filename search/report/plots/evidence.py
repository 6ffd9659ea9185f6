"""The evidence against equal arms, unit by unit."""

from __future__ import annotations

from matplotlib.ticker import MaxNLocator

from search.evidence.comparison import Comparison
from search.evidence.formats import plural
from search.report.plots.drawing import FAINT, Plot, arm_line, legend_above, new_figure


def evidence_plot(comparison: Comparison) -> Plot | None:
    """E of every contrast of the primary family after each unit; None where none has two pairs."""
    contrasts = [contrast for contrast in comparison.primary if len(contrast.evidence) > 1]
    if not contrasts:
        return None
    tests = sum(bool(contrast.evidence) for contrast in comparison.primary)
    enough = tests / comparison.settings.alpha
    names, unit = [row.arm for row in comparison.rows], contrasts[0].unit
    described = []
    with new_figure(height=3.6) as figure:
        axes = figure.add_subplot()
        axes.axhline(enough, color=FAINT, linewidth=1)
        axes.axhline(1, color=FAINT, linewidth=1, linestyle=":")
        for contrast in contrasts:
            label = f"{comparison.named(contrast.arm, contrast.baseline)}, {contrast.level.text}"
            axes.plot(
                range(1, len(contrast.evidence) + 1),
                contrast.evidence,
                label=label,
                **arm_line(names.index(contrast.arm)),
            )
            highest = max(contrast.evidence)
            described.append(
                f"{label}: {contrast.evidence[-1]:.3g} after {len(contrast.evidence)}, at most {highest:.3g}"
            )
        axes.set_yscale("log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(f"{plural(unit)}, in the study's order")
        axes.set_ylabel(f"evidence E against {comparison.baseline} being equal")
        legend_above(figure)
    words = f"Evidence E against equal arms after each {unit}; {enough:.3g} is enough for any. {'; '.join(described)}."
    judged = (
        "A study over folds is tested once; this is a description."
        if unit == "fold"
        else "A study that was grown is judged by it; of any other it is a description."
    )
    caption = (
        f"How strongly the {plural(unit)} so far speak against equal arms, whenever one looks: at equal arms E passes the full "
        f"line (tests over alpha) with a probability of at most alpha. {judged}"
    )
    return Plot("evidence", words, figure, caption=caption)
