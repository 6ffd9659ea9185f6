"""Initial weights: fetch pretrained ones once, judge any file, list the store."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.errors import WORK_FAILED, UserError
from search.commands.common import Outcome
from search.parser import Parser
from trainables.config.trial import DataConfig

EXAMPLE = "prunetune init fetch vit_small --data cifar10"
EXAMPLES = {
    "fetch": EXAMPLE,
    "verify": "prunetune init verify weights/vit_micro.safetensors --json",
    "list": "prunetune init list",
}


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="fetch|verify|list", parser_class=Parser)
    fetch = _action(
        actions, "fetch", "download pretrained weights once, bring them to a geometry, verify and store them"
    )
    fetch.add_argument("arch", metavar="ARCH", help="vit_small, timm:vit_tiny_patch16_224, ...")
    fetch.add_argument("--tag", help="where from: timm:NAME.TAG (default: the architecture's own)")
    fetch.add_argument("--data", metavar="NAME", help="take classes, image size and channels from this data set")
    fetch.add_argument("--num-classes", type=int, help="default: 10, or the data's")
    fetch.add_argument("--img-size", type=int, help="side in pixels (default: 32, 224 for timm: names, or the data's)")
    fetch.add_argument("--in-chans", type=int, help="channels (default: 3, or the data's)")
    fetch.add_argument("--patch-size", type=int, help="side in pixels (default: the architecture's for the image size)")
    verify = _action(actions, "verify", "judge a safetensors or PyTorch file: proven, unproven or refused, and why")
    verify.add_argument("file", type=Path, metavar="FILE")
    listing = _action(actions, "list", "list the stored weights")
    for one in (fetch, listing):
        one.add_argument("--store", type=Path, metavar="DIR", help="folder of the store (default: $PRUNETUNE_STORE)")


def _action(actions: argparse._SubParsersAction[Parser], name: str, help_line: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=help_line, description=help_line, epilog=f"example:\n  {EXAMPLES[name]}")
    # SUPPRESS, so that a --json given before the action is not forgotten again.
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
    return parser


def run(args: argparse.Namespace) -> Outcome:
    return {"fetch": _fetch, "verify": _verify, "list": _list}[args.action](args)


def _fetch(args: argparse.Namespace) -> Outcome:
    from models.networks.registry import resolve_spec
    from models.weights.fetch import fetch

    classes, size, channels = _geometry(args)
    spec = resolve_spec(args.arch, classes, size, channels, patch_size=args.patch_size)
    report = fetch(spec, args.tag, store=args.store)
    done = "already there" if report.already_there else "fetched"
    lines = [f"{done}: {report.path}", f"origin: {report.origin}", f"transfer: {report.report}"]
    if report.moved_aside is not None:
        lines.append(f"the stale file was moved aside: {report.moved_aside}")
    lines += [f"{report.verdict.word}:", *(f"  {line}" for line in report.verdict.evidence)]
    return Outcome(json=report.to_json(), text="\n".join(lines))


def _geometry(args: argparse.Namespace) -> tuple[int, int, int]:
    """(classes, image side, channels) from the options, the data set, or the defaults."""
    classes, size, channels = 10, 224 if args.arch.startswith("timm:") else 32, 3
    if args.data is not None:
        from trainables.data import KINDS, describe_data

        if args.data not in KINDS:
            raise UserError(f"--data {args.data}: expected one of {', '.join(KINDS)}")
        info = describe_data(DataConfig(name=args.data))
        classes, size, channels = info.num_classes, info.image_size, info.in_chans
    given = (args.num_classes, args.img_size, args.in_chans)
    for option, value in zip(("--num-classes", "--img-size", "--in-chans"), given, strict=True):
        if value is not None and value < 1:
            raise UserError(f"{option} {value}: a number from 1 up is expected")
    return args.num_classes or classes, args.img_size or size, args.in_chans or channels


def _verify(args: argparse.Namespace) -> Outcome:
    from models.weights.verify import verify_file

    if not args.file.is_file():
        raise UserError(f"{args.file}: there is no such file; give a safetensors or PyTorch file")
    verdict = verify_file(args.file)
    lines = [f"{args.file}: {verdict.word}", *(f"  {line}" for line in verdict.evidence)]
    lines += [f"  warning: {line}" for line in verdict.warnings]
    status = WORK_FAILED if verdict.word == "refused" else 0
    return Outcome(json=verdict.to_json(), text="\n".join(lines), exit_status=status)


def _list(args: argparse.Namespace) -> Outcome:
    from models.weights.store import list_store, store_folder

    files = list_store(args.store)
    json = {"store": str(store_folder(args.store)), "files": [file.to_json() for file in files]}
    lines = [f"{file.path}  {file.provenance.origin if file.provenance else file.problem}" for file in files]
    return Outcome(json=json, text="\n".join(lines) or f"{store_folder(args.store)}: empty")
