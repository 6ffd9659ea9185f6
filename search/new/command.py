"""`prunetune new`: a study file for images, by looking at them and at what is on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from models import atomic
from models.errors import UserError
from models.names import nearest, suggestion
from search.commands.common import PATH, Outcome, Subcommand, check_writable
from search.commands.tools import offered
from search.console import announce
from search.new.asking import ask, is_terminal
from search.new.naming import check_free, default_name, free_file, study_name
from search.new.questions import DEFAULT, QUESTIONS, Question

if TYPE_CHECKING:
    from search.new.looking import Looked
    from search.new.proposal import Proposal
    from search.tuning.estimate import Estimate
    from trainables.config.trial import DataConfig

DATA_HELP = "a folder of images (train/CLASS/*.jpg, or CLASS/*.jpg alone), a .zip of one, or a data set's name"
ARCH_HELP = "vit_small, timm:resnet18, ... (default: by the images, the machine and the weights that are at hand)"
QUESTION_HELP = f"what the study shall answer (default: {DEFAULT})"


@click.command(
    "new", cls=Subcommand, example="prunetune new --data flowers --question refill-vs-rsst --out mine.yaml --yes"
)
@click.option("--data", metavar="FOLDER_OR_NAME", help=DATA_HELP)
@click.option("--arch", metavar="NAME", help=ARCH_HELP)
@click.option("--question", metavar="|".join(QUESTIONS), shell_complete=offered.words(QUESTIONS), help=QUESTION_HELP)
@click.option(
    "--out", type=PATH, metavar="FILE", help="the study file to write (default: by the data and the question)"
)
@click.option("--yes", is_flag=True, help="ask nothing, and take what is proposed")
@click.option("--force", is_flag=True, help="overwrite the file")
def command(
    data: str | None, arch: str | None, question: str | None, out: Path | None, yes: bool, force: bool
) -> Outcome:
    """Write a study file for a folder of images: look at them, choose sizes, network and recipe, and say what it costs.

    At a terminal it asks for what is not given; nothing is trained.
    """
    asking = not yes and is_terminal()
    named = partial(_question, arch=arch)
    chosen = None if question is None else named(question)
    if out is not None:
        _check_out(out, force)
    found = _data(data, asking)
    if out is None and not asking:
        out = _check_out(Path(f"{default_name(found, chosen or QUESTIONS[DEFAULT])}.yaml"), force)
    announce("loading torch, and looking at the images")
    from search.new.looking import look

    looked = look(found)
    for line in looked.facts.lines():
        announce(line)
    if chosen is None:
        choices = [(one.name, one.short) for one in QUESTIONS.values()]
        chosen = ask("What shall it answer?", DEFAULT, named, choices) if asking else QUESTIONS[DEFAULT]
    proposal, told_before = _proposal(looked, chosen, arch, asking)
    if out is None:
        proposed = str(free_file(default_name(found, chosen)))
        out = cast(Path, ask("Where shall it be written?", proposed, lambda text: _check_out(Path(text), force)))
    from search.new.writing import cost_of, study_text

    name = study_name(out)
    announce("building the network, and timing a training step")
    cost = cost_of(proposal, name)
    check_free(out, force)
    atomic.write_text(out, study_text(proposal, name, out, cost))
    return _outcome(proposal, out, name, cost, told_before)


def _check_out(out: Path, force: bool) -> Path:
    """The file, free to be written."""
    check_free(out, force)
    check_writable(out.absolute().parent, "--out")
    return out


def _question(name: str, arch: str | None) -> Question:
    if name not in QUESTIONS:
        raise UserError(
            f"--question: found {name}, expected one of {', '.join(QUESTIONS)}{suggestion(nearest(name, QUESTIONS))}"
        )
    found = QUESTIONS[name]
    if arch is not None and found.networks:
        these = " and ".join(found.networks)
        raise UserError(
            f"--arch: found {arch}; the question {name} is of {these}; leave it out, or ask another question"
        )
    return found


def _data(text: str | None, asking: bool) -> DataConfig:
    def read(given: str) -> DataConfig:
        # Here, so that the question comes before torch is loaded.
        from search.new.looking import data_config

        return data_config(given)

    if text is not None:
        return read(text)
    if not asking:
        raise UserError("--data: missing; name a folder of images, a .zip of one, or a data set such as digits")
    config: DataConfig = ask("Which images? (a folder, a .zip or a data set's name)", "digits", read)
    return config


def _proposal(looked: Looked, question: Question, arch: str | None, asking: bool) -> tuple[Proposal, tuple[str, ...]]:
    """And what was told of the images already, to whom the network was asked."""
    import torch

    from search.new.proposal import propose

    has_gpu = torch.cuda.device_count() > 0
    if arch is not None or not asking or not question.prunes:
        return propose(looked, question, arch, has_gpu), ()
    first = propose(looked, question, None, has_gpu)
    # Of the images at the size that they will have: at another they are told what is not so.
    for line in (*first.looked.warnings, f"weights of {first.arch}: {first.weights.told}"):
        announce(line)

    def again(name: str) -> Proposal:
        return first if name == first.arch else propose(looked, question, name, has_gpu)

    chosen: Proposal = ask("Which network? (vit_micro, vit_small, resnet18, timm:NAME)", first.arch, again)
    return chosen, first.looked.warnings


def _outcome(proposal: Proposal, out: Path, name: str, cost: Estimate, told_before: Sequence[str]) -> Outcome:
    from search.commands.validate import cost_line

    file, weights, spec = os.path.relpath(out), proposal.weights, proposal.spec
    following = [f"prunetune validate {file}", f"prunetune sweep {file}"]
    if weights.fetch is not None:
        following.insert(0, weights.fetch)
    told = [*proposal.notes, *_of_study(proposal, cost)]
    patches = "" if spec.patch_size is None else f" in patches of {spec.patch_size} px"
    lines = [
        f"{out}: {proposal.question.title}, study {name}",
        f"  data: {proposal.looked.splits}",
        f"  network: {proposal.arch}, {spec.img_size} x {spec.img_size} px{patches}; "
        f"{dict(weights.init)['source']} weights ({weights.told})",
        f"  training: batches of {proposal.batch_size}, {proposal.training}",
        f"  {cost_line(cost)}",
        *[f"  note: {line}" for line in told if line not in told_before],
        "next:",
        *[f"  {one}" for one in following],
    ]
    json: dict[str, Any] = {
        "study": str(out),
        "name": name,
        "data": proposal.looked.facts.to_json(),
        "proposal": proposal.to_json(),
        "cost": cost.to_json(),
        "warnings": told,
        "next": following,
    }
    return Outcome(json, "\n".join(lines))


def _of_study(proposal: Proposal, cost: Estimate) -> list[str]:
    """The study's own warnings, but for those of the images, which are told behind the arms again; over folds they are of
    one that was drawn."""
    from trainables.data.oddities import is_of_splits

    own = [line for line in cost.warnings if not line.endswith(proposal.looked.warnings)]
    return [line for line in own if proposal.folds is None or not is_of_splits(line)]
