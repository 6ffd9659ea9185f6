"""`prunetune init`: the store of initial weights, and what a file of them is worth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
from pydantic import ValidationError

from models.errors import WORK_FAILED, UserError
from models.names import nearest, suggestion
from search.commands.common import PATH, Outcome, Subcommand, Whole
from search.config_file import yaml_file
from search.console import ImagesShown, announce
from search.study.load import is_pretraining, load_study
from search.tuning.pretraining.pretraining_file import load_pretraining
from trainables.config.model import ModelConfig
from trainables.config.pretrain import PretrainModel
from trainables.config.trial import DataConfig

SIZE = Whole(min=1)

store_option = click.option("--store", type=PATH, metavar="DIR", help="folder of the store (default: $PRUNETUNE_STORE)")


class Actions(Subcommand, click.Group):
    """A sub-command that has sub-commands of its own."""


@click.group("init", cls=Actions, example="prunetune init fetch vit_small --data cifar10", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Initial weights: fetch pretrained ones once, judge any file, list the store."""
    if ctx.invoked_subcommand is None:
        raise click.UsageError("One of fetch, verify or list is needed.", ctx)


@command.command("fetch", cls=Subcommand, example="prunetune init fetch vit_small --data cifar10")
@click.argument("arch", help="vit_small, timm:vit_tiny_patch16_224, ...")
@click.option("--tag", metavar="TAG", help="where from: timm:NAME.TAG (default: the architecture's own)")
@click.option("--data", metavar="NAME", help="take classes, image size and channels from this data set")
@click.option("--num-classes", type=SIZE, metavar="N", help="default: 10, or the data's")
@click.option(
    "--img-size", type=SIZE, metavar="N", help="side in pixels (default: 32, 224 for timm: names, or the data's)"
)
@click.option("--in-chans", type=SIZE, metavar="N", help="channels (default: 3, or the data's)")
@click.option(
    "--patch-size", type=SIZE, metavar="N", help="side in pixels (default: the architecture's for the image size)"
)
@store_option
def fetch_command(
    arch: str,
    tag: str | None,
    data: str | None,
    num_classes: int | None,
    img_size: int | None,
    in_chans: int | None,
    patch_size: int | None,
    store: Path | None,
) -> Outcome:
    """Download pretrained weights and store them. Once: brought to a geometry, and verified."""
    from models.networks.registry import resolve_spec
    from models.weights.fetch import fetch

    classes, size, channels = _geometry(arch, data)
    spec = resolve_spec(arch, num_classes or classes, img_size or size, in_chans or channels, patch_size=patch_size)
    report = fetch(spec, tag, store=store)
    done = "already there" if report.already_there else "fetched"
    lines = [f"{done}: {report.path}", f"origin: {report.origin}", f"transfer: {report.report}"]
    if report.moved_aside is not None:
        lines.append(f"the stale file was moved aside: {report.moved_aside}")
    lines += [f"{report.verdict.word}:", *(f"  {line}" for line in report.verdict.evidence)]
    return Outcome(json=report.to_json(), text="\n".join(lines))


def _geometry(arch: str, data: str | None) -> tuple[int, int, int]:
    """(classes, image side, channels) of the data set, or the defaults."""
    if data is None:
        from models.networks.registry import TIMM_PREFIX
        from models.networks.variants import resolve_name

        return 10, 224 if resolve_name(arch)[0].startswith(TIMM_PREFIX) else 32, 3
    from trainables.data import KINDS, describe_data

    if data not in KINDS:
        raise UserError(f"--data {data}: expected one of {', '.join(KINDS)}")
    info = describe_data(DataConfig(name=data))
    return info.num_classes, info.image_size, info.in_chans


@command.command("verify", cls=Subcommand, example="prunetune init verify weights/vit_micro.safetensors --data digits")
@click.argument("file", type=PATH, help="a safetensors or PyTorch file")
@click.option("--data", metavar="DATA", help="try it on images: a study or pretraining file, or a data set's name")
def verify_command(file: Path, data: str | None) -> Outcome:
    """Judge a file of weights: proven, unproven or refused, and why; with --data also whether it works on images."""
    from models.weights.proof.verify import verify_file

    if not file.is_file():
        raise UserError(f"{file}: there is no such file; give a safetensors or PyTorch file")
    asked = None if data is None else asked_data(data)
    verdict = verify_file(file)
    lines = [f"{file}: {verdict.word}", *(f"  {line}" for line in verdict.evidence)]
    lines += [f"  warning: {line}" for line in verdict.warnings]
    if verdict.word == "refused" or asked is None:
        status = WORK_FAILED if verdict.word == "refused" else 0
        return Outcome(json=verdict.to_json(), text="\n".join(lines), exit_status=status)
    from trainables.verification.verification import verify_on

    announce(f"trying {file.name} on {asked.data.name}")
    found = verify_on(file, asked.data, asked.network, ImagesShown())
    json = {**verdict.to_json(), "on_data": found.to_json()}
    return Outcome(json=json, text="\n".join([*lines, found.sentence()]), exit_status=0 if found.works else WORK_FAILED)


@dataclass(frozen=True)
class AskedData:
    """The images, and the network that a file names beside them."""

    data: DataConfig
    network: ModelConfig | PretrainModel | None


def asked_data(text: str) -> AskedData:
    """A study file's first arm, a pretraining file, or a data set by name. UserError for what is none of them."""
    from trainables.data import KINDS

    path = Path(text)
    if path.is_file():
        document = yaml_file.read(path)
        if isinstance(document.content, dict) and is_pretraining(document.content):
            asked = load_pretraining(path)
            return AskedData(asked.data, asked.model)
        trial = next(iter(load_study(path).arms.values())).config()
        return AskedData(trial.data, trial.model)
    if text not in KINDS:
        known = ", ".join(KINDS)
        raise UserError(
            f"--data {text}: neither a study or pretraining file nor one of {known}{suggestion(nearest(text, KINDS))}"
        )
    try:
        return AskedData(DataConfig.model_validate({"name": text}), None)
    except ValidationError as error:
        raise UserError(f"--data {text}: {error.errors()[0]['msg']}; give a study or pretraining file") from None


@command.command("list", cls=Subcommand, example="prunetune init list")
@store_option
def list_command(store: Path | None) -> Outcome:
    """List the stored weights."""
    from models.weights.store import list_store, store_folder

    files = list_store(store)
    json = {"store": str(store_folder(store)), "files": [file.to_json() for file in files]}
    lines = [f"{file.path}  {file.provenance.origin if file.provenance else file.problem}" for file in files]
    return Outcome(json=json, text="\n".join(lines) or f"{store_folder(store)}: empty")
