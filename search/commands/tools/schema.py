"""`prunetune schema`: what a study file may say, for editors."""

from __future__ import annotations

import json

import click

from search.commands.common import Outcome, Subcommand
from search.study.beside.schema import pretraining_schema, study_schema


@click.command("schema", cls=Subcommand, example="prunetune schema > study.schema.json")
@click.option("--pretrain", is_flag=True, help="of a file for `prunetune pretrain`, in place of a study")
def command(pretrain: bool) -> Outcome:
    """Print the JSON Schema of a study file, by which an editor completes keys, shows what they mean, and checks them.

    Name it in a file's first line: # yaml-language-server: $schema=study.schema.json
    """
    schema = pretraining_schema() if pretrain else study_schema()
    return Outcome(schema, json.dumps(schema, indent=2))
