"""A study file from a proposal: its text, with its cost from a measured step, written where nothing is."""

from __future__ import annotations

import json
import os
import re
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models import atomic
from search.evidence.formats import TIMED, counted, duration, gigabytes, short
from search.new.proposal import STATES, Proposal
from search.study.load import load_study
from search.templates import environment

if TYPE_CHECKING:
    from search.tuning.estimate import Estimate

WIDTH = 120
PLAIN = re.compile(r"[A-Za-z_/][\w./-]*")
YAML_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
MUCH_DISK = 5e9
"""Bytes of states' files from which a study keeps only those that are worth it."""


def study_text(proposal: Proposal, name: str, out: Path, cost: Estimate | None = None) -> str:
    """The file's text. Without a cost one from which it can be found, wherever it lies."""
    templates = environment("search.new")
    looked = proposal.looked
    facts, data = looked.facts, looked.data
    ratios = proposal.ratios
    epochs = STATES * proposal.epochs_per_state
    text = templates.get_template(proposal.question.template).render(
        **vars(proposal),
        name=name,
        file=os.path.relpath(out),
        subject=f"the images of {data.root.name}" if data.root is not None else data.name,
        facts=facts,
        facts_text=". ".join([*facts.lines(), looked.splits]),
        told=proposal.notes,
        data=data,
        root=None if data.root is None else str(data.root) if cost is None else seen_from(data.root, out),
        is_large=looked.of_files,
        patch_size=proposal.spec.patch_size,
        by_channels=proposal.by_channels,
        lr=proposal.lr,
        folds=proposal.folds,
        states=STATES,
        target_text=_flow_value(proposal.target),
        ratios=", ".join(f"{key}: {value:g}" for key, value in ratios.items()),
        balance=next(iter(ratios)) if len(ratios) > 1 else None,
        few_states=[states for states in (2, STATES, 2 * STATES) if states <= epochs],
        dense_epochs=proposal.dense_epochs,
        much_disk=cost is not None and (cost.disk_bytes or 0) > MUCH_DISK,
        cost_text=_cost_text(proposal, cost),
        comment=comment,
        quoted=quoted,
        flow=flow,
        number=number,
    )
    return re.sub(r"\n{2,}", "\n", text)


def cost_of(proposal: Proposal, name: str) -> Estimate:
    """What the study would cost here, from a measured step; from random weights where those it names are still to be fetched,
    for a step costs the same."""
    from search.tuning.estimate import estimate

    with tempfile.TemporaryDirectory(prefix="prunetune-new-") as folder:
        file = Path(folder) / "study.yaml"
        atomic.write_text(file, study_text(proposal, name, file))
        sets = [] if proposal.weights.fetch is None else ["trial.model.init={source: random}"]
        return estimate(load_study(file, sets))


def seen_from(root: Path, out: Path) -> str:
    """Relative where it lies below the file's folder, so that both can move together; a link there counts as lying there."""
    folder = out.absolute().parent
    if ".." not in root.parts and root.is_relative_to(folder):
        return str(root.relative_to(folder))
    folder, resolved = folder.resolve(), root.resolve()
    if resolved.is_relative_to(folder):
        return str(resolved.relative_to(folder))
    return str(resolved if ".." in root.parts else root)


def _cost_text(proposal: Proposal, cost: Estimate | None) -> str:
    if cost is None:
        return "Cost: not measured."
    macs = "" if cost.training_macs is None else f" Training costs at most {short(cost.training_macs)}MACs."
    seconds = "" if cost.seconds is None else f": about {duration(max(1.0, cost.seconds))}"
    where = "with a GPU" if cost.gpus_per_trial else "on CPUs"
    return (
        f"Asks for {counted(cost.trials, 'trial')}, {cost.epochs:,.0f} epochs of {proposal.looked.train_images:,} images in all"
        f"{seconds} on the machine where this was written, as busy as it was then ({cost.concurrent} at once, {where}; "
        f"{TIMED}), and at most {gigabytes(cost.disk_bytes or 0)} of disk.{macs}"
    )


def comment(text: str, indent: str = "") -> str:
    """Wrapped lines, each behind `# `."""
    lines = textwrap.wrap(" ".join(text.split()), WIDTH, subsequent_indent=indent, break_long_words=False)
    return "\n".join(f"# {line}" for line in lines)


def number(value: float) -> str:
    """A small one as `2.0e-04`, which YAML takes for a number."""
    return f"{value:g}" if value >= 1e-3 else f"{value:.1e}"


def quoted(text: str) -> str:
    """A text as YAML takes it for one."""
    plain = PLAIN.fullmatch(text) is not None and text.lower() not in YAML_WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def flow(values: Mapping[str, Any]) -> str:
    """`{flip: true, crop_padding: 4}`."""
    return "{" + ", ".join(f"{key}: {_flow_value(value)}" for key, value in values.items()) + "}"


def _flow_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow_value, value))}]"
    return number(value) if isinstance(value, float) else str(value)
