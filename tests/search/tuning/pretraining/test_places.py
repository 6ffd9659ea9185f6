"""Where a pretraining's processes fit: each on one machine as a whole, the first on the driver's where that has room."""

from __future__ import annotations

import pytest

from models.errors import UserError
from search.tuning.cluster.resources import Node
from search.tuning.pretraining.places import Places, check_room
from trainables.config.train import TrainConfig

SMALL, LARGE, GPUS = Node(1, 0, "small"), Node(4, 0, "large"), Node(0, 2, "gpus")


def train(**values: object) -> TrainConfig:
    return TrainConfig.model_validate(values)


def test_a_machine_lends_whole_places() -> None:
    assert not check_room(2, train(threads=2), (SMALL, LARGE), "the cluster")
    with pytest.raises(UserError, match="--workers 2: the cluster has room for 1 processes of 3 processors"):
        check_room(2, train(threads=3), (SMALL, SMALL, LARGE), "the cluster")


def test_processors_and_gpu_are_of_one_machine() -> None:
    assert check_room(2, train(threads=2), (SMALL, Node(4, 2)), "the cluster")
    with pytest.raises(UserError, match=r"has room for 0 processes of 2 processors .* and a GPU each on one machine"):
        check_room(2, train(threads=2), (LARGE, GPUS), "the cluster")
    with pytest.raises(UserError, match="has room for 1 processes of 2 processors"):
        check_room(2, train(threads=2), (LARGE, Node(2, 2)), "the cluster")
    with pytest.raises(UserError, match="has 2 GPUs"):
        check_room(3, train(), (Node(8, 2),), "the cluster")
    assert not check_room(2, train(threads=2, device="cpu"), (LARGE, GPUS), "the cluster")
    with pytest.raises(UserError, match="has 0 GPUs"):
        check_room(1, train(device="cuda"), (LARGE,), "this machine")


@pytest.mark.parametrize(
    ("own", "gpus", "is_pinned"),
    [(SMALL, False, False), (LARGE, False, True), (LARGE, True, False), (Node(4, 1, "both"), True, True)],
)
def test_the_first_is_the_drivers_where_that_has_room(own: Node, gpus: bool, is_pinned: bool) -> None:
    labels = Places(2, 2, gpus, (own, Node(8, 4, "other"))).labels(own.id)
    assert labels == ([{"ray.io/node-id": own.id}, {}] if is_pinned else None)
