"""What the page on networks says of each is so."""

from __future__ import annotations

import pytest
import timm
import torch

from models.errors import UserError
from models.units.describe import describe
from models.units.reach import LeftWhole, Reach
from models.units.structure import KINDS, KINDS_OF_TARGET
from models.units.targets import fitting_target, reach_of
from tests.docs.pages import keys_in, section_of, tables_of, text_of

CUT = tables_of(section_of("networks.md", "## Networks that can be cut"))[0][1:]
WHOLE = tables_of(section_of("networks.md", "## Networks of which nothing can be cut"))[0][1:]


def reach_of_timm(example: str) -> Reach:
    with torch.device("meta"):
        model = timm.create_model(example.strip("`").removeprefix("timm:"))
    try:
        return reach_of(model, describe(model))
    except UserError:
        return reach_of(model, ())


def cell(wholes: tuple[LeftWhole, ...], parameters: int) -> str:
    shares = [f"{one.count} `{one.block}` {100 * one.parameters / parameters:.1f} %" for one in wholes]
    return ", ".join(shares) or "–"


@pytest.mark.parametrize(("example", "target", "can_go", "whole"), [row[1:] for row in CUT], ids=lambda cell: cell)
def test_what_can_be_cut(example: str, target: str, can_go: str, whole: str) -> None:
    reach = reach_of_timm(example)
    assert ", ".join(f"{kind} {100 * size / reach.parameters:.1f} %" for kind, size in reach.prunable.items()) == can_go
    assert cell(reach.left_whole, reach.parameters) == whole
    assert f"`{fitting_target(reach.prunable)}`" == target


@pytest.mark.parametrize(("example", "whole"), WHOLE, ids=lambda cell: cell)
def test_of_which_nothing_can_be_cut(example: str, whole: str) -> None:
    reach = reach_of_timm(example)
    assert reach.prunable == {}
    assert cell(reach.left_whole, reach.parameters) == whole


def test_kinds_and_their_targets() -> None:
    rows = tables_of(text_of("networks.md"))[0][1:]
    said = {target: {row[0].strip("`") for row in rows if target in keys_in(row[1])} for target in KINDS_OF_TARGET}
    assert said == {target: set(kinds) for target, kinds in KINDS_OF_TARGET.items()}
    assert [row[0].strip("`") for row in rows] == list(KINDS)
