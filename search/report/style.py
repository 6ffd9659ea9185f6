"""The page's style sheet: light, dark and paper."""

from __future__ import annotations

from search.report.drawing import FAINT, INK, PAPER, SERIES, SERIES_DARK

LIGHT = {
    "--ink": INK,
    "--faint": FAINT,
    "--paper": PAPER,
    "--rule": "#d9dcdf",
    "--tint": "#f1f3f4",
    "--link": "#1f5f9d",
}
DARK = {
    "--ink": "#e6e8ea", "--faint": "#868f98", "--paper": "#15181b", "--rule": "#343a40", "--tint": "#1f2428",
    "--link": "#7db9f5",
}  # fmt: skip

RULES = """
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
body { margin: 0 auto; max-width: 80rem; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; border-top: 1px solid var(--rule); padding-top: 1.1rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .4rem 0; max-width: 46rem; }
a { color: var(--link); }
.question { opacity: .78; }
.verdict { font-size: 1.12rem; background: var(--tint); border-left: 4px solid var(--series-0); padding: .8rem 1rem;
  margin: 1.2rem 0; max-width: none; }
.note, figcaption { color: var(--ink); opacity: .78; font-size: .88rem; }
figure { margin: 1rem 0 1.6rem; }
svg.plot { display: block; width: 100%; max-width: 54rem; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; margin: .6rem 0; }
th, td { text-align: right; padding: .28rem .5rem; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.text, th.text { text-align: left; }
td.text { white-space: normal; min-width: 7rem; } th { white-space: normal; vertical-align: bottom; }
thead th { border-bottom: 2px solid var(--faint); font-weight: 600; }
caption { text-align: left; font-size: .88rem; opacity: .78; padding-bottom: .3rem; }
pre { background: var(--tint); padding: .7rem .9rem; overflow-x: auto; font-size: .85rem; }
code { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .92em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; font-size: .9rem; }
dt { color: var(--ink); opacity: .72; } dd { margin: 0; overflow-wrap: anywhere; }
details > summary { cursor: pointer; margin: .6rem 0; }
@media (max-width: 60rem) { table { font-size: .74rem; } th, td { padding: .25rem .22rem; white-space: normal; }
  td.text { min-width: 4.5rem; } }
.side { display: grid; grid-template-columns: repeat(auto-fit, minmax(24rem, 1fr)); gap: 0 2rem; }
"""

PRINT = """
html { font-size: 11pt; } body { max-width: none; padding: 0; }
h2 { break-after: avoid; } figure, table, .verdict { break-inside: avoid; }
svg.plot { max-width: 15cm; } table { font-size: 7.5pt; }
th, td { padding: .15rem .3rem; white-space: normal; } .scroll { overflow: visible; }
a { color: inherit; text-decoration: none; }
"""


def style_sheet() -> str:
    series = {f"--series-{index}": literal for index, literal in enumerate(SERIES)}
    dark = {f"--series-{index}": literal for index, literal in enumerate(SERIES_DARK)}
    return (
        f":root {{ color-scheme: light dark; {_variables(LIGHT | series)} }}"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK | dark)} }} }}"
        f"{RULES}@media print {{ {PRINT} }}"
    )


def _variables(values: dict[str, str]) -> str:
    return " ".join(f"{name}: {value};" for name, value in values.items())
