"""`prunetune export`: a network to take away."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import UserError
from search.commands.common import PATH, Outcome, Subcommand, check_writable, run_argument
from search.commands.tools import offered
from search.evidence.selection import Budget, choose, how_chosen, passed_over
from search.run.candidates import Candidate, named_state
from search.run.folder import RunFolder
from search.run.results import RunResults, load_results
from search.run.warnings import warnings_of

if TYPE_CHECKING:
    from search.export.export import Exported

SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}


class Amount(click.ParamType[float]):
    """`0.4`, `250000`, `5M`, `1.2G` → a number above 0."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(?:e(\d+))?([kmg]?)", str(value).strip().lower())
        if match is None or float(match[1]) <= 0:
            self.fail(f"expected a number above 0 such as 0.4, 250000 or 5M, found {value!r}", param, ctx)
        return float(f"{match[1]}e{match[2] or 0}") * SUFFIXES[match[3]]


@click.command("export", cls=Subcommand, example="prunetune export runs/quickstart --max-macs 0.4 --out small")
@run_argument
@click.option("--max-macs", type=Amount(), metavar="N", help="at most so many MACs, or this share of dense (≤ 1)")
@click.option("--max-params", type=Amount(), metavar="N", help="at most so many parameters, such as 5M")
@click.option(
    "--max-latency-ms", type=Amount(), metavar="MS", help="at most so many milliseconds per image on this machine"
)
@click.option("--state", metavar="TRIAL:K", help="this very state, such as refill-003:4")
@click.option("--arm", metavar="ARM", shell_complete=offered.arms, help="only networks of this arm")
@click.option("--out", type=PATH, metavar="DIR", help="folder to write to (default: RUN/export)")
@click.option("--force", is_flag=True, help="write into a folder in use; only files of an export's names are replaced")
def command(
    run: Path, state: str | None, arm: str | None, out: Path | None, force: bool, **bounds: float | None
) -> Outcome:
    """The best small network of a run, ready to deploy, and the study file that makes it again."""
    return outcome(take_away(load_results(run), Budget(**bounds), state, arm, out, force=force))


@dataclass(frozen=True)
class Taken:
    """What was exported, of which run, by what it was chosen (None: named by hand), and who would have been better but was
    not kept."""

    results: RunResults
    exported: Exported
    chosen: str | None
    better: Candidate | None


def take_away(
    results: RunResults,
    budget: Budget,
    state: str | None,
    arm: str | None,
    out: Path | None,
    *,
    force: bool = False,
) -> Taken:
    """Export the best network within a budget, of one arm or of all, or the very state that is named `TRIAL:K`.

    Without `force` a folder in use is an error; the run's own `export/`, the default, is always written anew.
    """
    from search.export.best_study import provenance_of
    from search.export.export import AT_TIMES, FILES, candidate_latency, export
    from search.export.place import check_free

    if state is not None and not (budget.is_open and arm is None):
        raise UserError(f"--state {state} names one network; leave out --arm and the budgets")
    own = results.run / "export"
    folder = out or own
    check_writable(folder, "--out")
    candidate = choose(results, budget, arm, candidate_latency) if state is None else named_state(results, state)
    chosen = how_chosen(results, budget, arm) if state is None else None
    if not force and folder.resolve() != own.resolve():
        check_free(folder, provenance_of(candidate, results.run, chosen), (*FILES, *AT_TIMES))
    exported = export(results, candidate, folder, chosen)
    RunFolder(results.run).publish()
    better = passed_over(results, candidate, budget, arm) if state is None else None
    return Taken(results, exported, chosen, better)


def _of_all(one: Candidate) -> str:
    removed = one.removed_of_all_percent
    return "" if removed is None else f" ({removed:.1f} % of all parameters)"


def _size(file: Path) -> str:
    size = file.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def outcome(taken: Taken) -> Outcome:
    exported, chosen, better = taken.exported, taken.chosen, taken.better
    one, latency = exported.candidate, exported.checks["latency"]
    text = (
        f"{one.name}: {100 * one.state.val_accuracy:.2f} % validation, {one.state.params:,} parameters, "
        f"{one.state.macs:,} MACs ({100 * one.macs_share:.1f} % of dense), {one.state.removed_percent:.1f} % removed"
        f"{_of_all(one)}\n"
        f"{f'chosen {chosen}' if chosen else 'named by hand'}\n"
        + "".join(f"latency in {name}, one image, one thread: {told['text']}\n" for name, told in latency.items())
        + "".join(f"  {exported.folder / name}, {_size(exported.folder / name)}\n" for name in exported.files)
        + f"what it says of an image: python {shlex.quote(str(exported.folder / 'load_example.py'))} photo.jpg"
    )
    if better:
        text += (
            f"\nnote: {better.name} reads {100 * better.state.val_accuracy:.2f} % within the budget, but its network was "
            "not kept (see retention.states in the run's study.yaml)"
        )
    warnings = warnings_of(one.trial, one.state.state)
    text += "".join(f"\nwarning: {line}" for line in warnings)
    json = {
        "run": str(taken.results.run),
        "chosen": one.to_json(),
        "chosen_by": chosen or "named by hand",
        "better_not_kept": better.to_json() if better else None,
        "out": str(exported.folder),
        "files": list(exported.files),
        "checks": exported.checks,
        "warnings": warnings,
    }
    return Outcome(json=json, text=text)
