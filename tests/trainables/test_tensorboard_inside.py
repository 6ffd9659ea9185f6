"""What TensorBoard shows of the inside of TwistNet's blocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.trainables.test_tensorboard import epoch_line, read, series
from trainables.tensorboard.board import TrialBoard
from trainables.tensorboard.inside import ABSENT, CELL, NEGATIVE, POSITIVE, products_image


def test_the_inside_of_twist_blocks_has_curves_and_at_a_states_end_pictures(tmp_path: Path) -> None:
    table = [[0.5 if (row, column) == (0, 0) else None for column in range(8)] for row in range(8)]
    table[1][2] = -0.25
    board = TrialBoard(tmp_path, {})
    board.epoch(epoch_line(1, inside={"layer3.0": {"strength": 0.125, "gate": [0.5, None, 0.25, 0.75]}}))
    told = {"strength": 0.25, "gate": [0.5, None, None, 0.75], "products": [table, None, None, table]}
    board.epoch(epoch_line(2, inside={"layer3.0": told, "layer4.1": {"strength": 0.5}}))
    board.close("running")
    assert series(tmp_path, "inside/strength/layer3.0") == [(1, 0.125), (2, 0.25)]
    assert series(tmp_path, "inside/gate/layer3.0/head2") == [(1, 0.25)]
    found = read(tmp_path)
    assert "inside/gate/layer3.0/head1" not in found.Tags()["scalars"]
    assert found.Tags()["images"] == ["inside/products/layer3.0"]
    (image,) = found.Images("inside/products/layer3.0")
    assert (image.step, image.height, image.width) == (2, 8 * CELL, (4 * 8 + 3) * CELL)


def test_products_are_blue_above_zero_red_below_and_grey_where_there_are_none() -> None:
    table: list[list[float | None]] = [[None] * 8 for _ in range(8)]
    table[0][0], table[0][1], table[0][2] = 0.5, -0.25, 0.0
    image = products_image([table, None])
    cells = image[::CELL, ::CELL]
    assert tuple(cells[0, 0]) == POSITIVE
    assert cells[0, 1].tolist() == pytest.approx([(one + 255) / 2 for one in NEGATIVE], abs=1)
    assert tuple(cells[0, 2]) == (255, 255, 255)
    assert tuple(cells[3, 0]) == tuple(cells[5, 12]) == ABSENT
    assert tuple(cells[5, 8]) == (255, 255, 255), "a gap between heads"
