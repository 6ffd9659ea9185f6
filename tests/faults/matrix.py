"""The whole matrix, and the table of docs/reliability.md that says what was tried; a program, with `--every`:

    python -m tests.faults.matrix [--every]

Without it each fault befalls each kind of file once, wherever in the run; with it, every single point.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.faults.cases import KINDS, Case, Commands, Undisturbed, judge
from tests.faults.damage import Halted, judge_damage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- made by tests/faults/matrix.py -->\n", "<!-- end -->\n"
SERVER = "server error"
"""Of a run in a bucket; the study of these tests lies in none."""
DAMAGED = "emptied or cut"
STRIDE = 7
"""Which of the points of one kind a fault befalls is spread over the run by it."""
Counts = Mapping[str, Counter[str]]
"""File → fault → how often it was tried and nothing was wrong."""


def one_of_each(cases: Iterable[Case]) -> list[Case]:
    """For each operation on a kind of file, and each fault, one case."""
    alike: dict[tuple[str, ...], list[Case]] = defaultdict(list)
    for case in cases:
        alike[case.point.by, case.point.operation, case.point.file, case.kind].append(case)
    return [group[place * STRIDE % len(group)] for place, group in enumerate(alike.values())]


def run_matrix(commands: Commands, undisturbed: Undisturbed, cases: Iterable[Case]) -> tuple[Counts, list[str]]:
    """What held, and what did not, in words."""
    held: dict[str, Counter[str]] = defaultdict(Counter)
    wrong = []
    for case in cases:
        found = judge(commands, undisturbed, case)
        held[case.point.file][case.kind] += not found
        wrong += [f"{case}: {text}" for text in found]
    return held, wrong


def run_damages(commands: Commands, undisturbed: Undisturbed) -> tuple[Counts, list[str]]:
    """Of a run that was killed halfway, and of a complete one, every kind of file."""
    held: dict[str, Counter[str]] = defaultdict(Counter)
    wrong = []
    for halted in (Halted.halfway(commands, undisturbed), Halted.complete(commands)):
        for damage in halted.damages():
            ended, found = judge_damage(commands, undisturbed, halted, damage)
            held[damage.kind][f"{DAMAGED}: {ended}"] += not found
            wrong += [f"{halted.folder.name}: {damage}: {text}" for text in found]
    return held, wrong


def table(undisturbed: Undisturbed, held: Counts) -> str:
    """Markdown: a row for each kind of file, with its points and how often each fault was tried."""
    points = Counter(point.file for point in undisturbed.points)
    columns = [*KINDS, f"{DAMAGED}: the same numbers", f"{DAMAGED}: refused in one line", SERVER]
    rows = [["file", "points", *columns], ["---"] + ["---:"] * (len(columns) + 1)]
    for file in sorted(points.keys() | held.keys()):
        counts = held.get(file, Counter())
        rows.append([f"`{file}`", str(points[file]), *(str(counts[column] or "") for column in columns)])
    total: Counter[str] = sum((Counter(counts) for counts in held.values()), Counter())
    rows.append(["all", str(points.total()), *(str(total[column] or "") for column in columns)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def rows_of_page() -> Iterator[tuple[str, int]]:
    """File and number of points of each row of the page's table, without the last."""
    made = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    for line in made.splitlines()[2:-1]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        yield cells[0].strip("`"), int(cells[1])


def main(every: bool) -> int:
    with tempfile.TemporaryDirectory() as folder:
        commands = Commands(Path(folder))
        undisturbed = Undisturbed.of(commands)
        cases = list(undisturbed.cases())
        chosen = cases if every else one_of_each(cases)
        held, wrong = run_matrix(commands, undisturbed, chosen)
        damaged, wrong_damaged = run_damages(commands, undisturbed)
        print(f"{len(chosen)} faults, {commands.seconds:.0f} s of processor time", file=sys.stderr)
        commands.close()
    both = {file: held.get(file, Counter()) + damaged.get(file, Counter()) for file in held.keys() | damaged.keys()}
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(before + BEGIN + table(undisturbed, both) + END + rest.partition(END)[2], encoding="utf-8")
    print("\n".join([*wrong, *wrong_damaged]))
    return 1 if wrong or wrong_damaged else 0


if __name__ == "__main__":
    sys.exit(main("--every" in sys.argv[1:]))
