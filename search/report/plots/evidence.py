"""The evidence against equal arms, unit by unit."""

from __future__ import annotations

from search.evidence.comparison import Comparison
from search.evidence.formats import plural
from search.report.charts.chart import Axis, Chart, Mark, Panel, arm_line
from search.report.charts.drawing import Plot
from search.report.charts.static import plot_of


def evidence_plot(comparison: Comparison) -> Plot | None:
    """E of every contrast of the primary family after each unit; None where none has two pairs."""
    contrasts = [contrast for contrast in comparison.primary if len(contrast.evidence) > 1]
    if not contrasts:
        return None
    tests = sum(bool(contrast.evidence) for contrast in comparison.primary)
    enough = tests / comparison.settings.alpha
    names, unit = [row.arm for row in comparison.rows], contrasts[0].unit
    described, curves = [], []
    for contrast in contrasts:
        label = f"{comparison.named(contrast.arm, contrast.baseline)}, {contrast.level.text}"
        count = len(contrast.evidence)
        curves.append(
            arm_line(names.index(contrast.arm), range(1, count + 1), contrast.evidence, group=contrast.arm, entry=label)
        )
        described.append(f"{label}: {contrast.evidence[-1]:.3g} after {count}, at most {max(contrast.evidence):.3g}")
    panel = Panel(
        x=Axis(label=f"{plural(unit)}, in the study's order", whole=True),
        y=Axis(label=f"evidence E against {comparison.baseline} being equal", log=True),
        series=tuple(curves),
        marks=(Mark(axis="y", at=enough), Mark(axis="y", at=1, dash=4)),
    )
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
    return plot_of("evidence", words, Chart(panels=(panel,), height=3.6), caption=caption)
