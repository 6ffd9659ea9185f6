"""`prunetune export`: the best small network of a run, and the study file that makes it again."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from models.errors import UserError
from search.commands.common import Outcome
from search.evidence.selection import Budget, choose, passed_over
from search.export.export import Exported, candidate_latency, export
from search.run.candidates import Candidate, named_state
from search.run.readable import readable
from search.run.results import RunResults, load_results

EXAMPLE = "prunetune export runs/quickstart --max-macs 0.4 --out small"
SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="the run's folder, such as runs/quickstart")
    parser.add_argument(
        "--max-macs", type=amount, metavar="N", help="at most so many MACs, or this share of dense (≤ 1)"
    )
    parser.add_argument("--max-params", type=amount, metavar="N", help="at most so many parameters, such as 5M")
    parser.add_argument(
        "--max-latency-ms", type=amount, metavar="MS", help="at most so many milliseconds per image on this machine"
    )
    parser.add_argument("--state", metavar="TRIAL:K", help="this very state, such as refill-003:4")
    parser.add_argument("--arm", help="only networks of this arm")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write to (default: RUN/export)")


def amount(text: str) -> float:
    """`0.4`, `250000`, `5M`, `1.2G` → a number above 0."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(?:e(\d+))?([kmg]?)", text.strip().lower())
    if match is None or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0 such as 0.4, 250000 or 5M, found {text!r}")
    return float(f"{match[1]}e{match[2] or 0}") * SUFFIXES[match[3]]


def run(args: argparse.Namespace) -> Outcome:
    with readable(args.run):
        results = load_results(args.run)
        candidate = chosen(results, args)
        exported = export(results, candidate, args.out or results.run / "export")
    budget = Budget(args.max_macs, args.max_params, args.max_latency_ms)
    better = passed_over(results, candidate, budget, args.arm) if args.state is None else None
    return outcome(results, exported, better)


def chosen(results: RunResults, args: argparse.Namespace) -> Candidate:
    budget = Budget(args.max_macs, args.max_params, args.max_latency_ms)
    if args.state is None:
        return choose(results, budget, args.arm, candidate_latency)
    if not budget.is_open or args.arm is not None:
        raise UserError(f"--state {args.state} names one network; leave out --arm and the budgets")
    return named_state(results, args.state)


def outcome(results: RunResults, exported: Exported, better: Candidate | None = None) -> Outcome:
    one = exported.candidate
    text = (
        f"{one.name}: {100 * one.state.val_accuracy:.2f} % validation, {one.state.params:,} parameters, "
        f"{one.state.macs:,} MACs ({100 * one.macs_share:.1f} % of dense), {one.state.removed_percent:.1f} % removed\n"
        f"latency {exported.checks['latency_ms']:.3f} ms (dense {exported.checks['dense_latency_ms']:.3f} ms), one image, CPU\n"
        + "\n".join(f"  {exported.folder / name}" for name in exported.files)
    )
    if better:
        text += (
            f"\nnote: {better.name} reads {100 * better.state.val_accuracy:.2f} % within the budget, but its network was "
            "not kept (see retention.states in the run's study.yaml)"
        )
    json = {
        "run": str(results.run),
        "chosen": one.to_json(),
        "better_not_kept": better.to_json() if better else None,
        "out": str(exported.folder),
        "files": list(exported.files),
        "checks": exported.checks,
    }
    return Outcome(json=json, text=text)
