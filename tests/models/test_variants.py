"""A name and the arguments that it stands for are one network."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from models.cost import count_parameters
from models.errors import UserError
from models.networks.native import outline
from models.networks.registry import ARCHITECTURES, resolve_spec
from models.networks.twistnet import TwistNet
from models.networks.variants import PLAIN, VARIANTS, name_of
from models.spec import ModelSpec


@pytest.mark.parametrize("name", VARIANTS)
def test_a_name_is_the_network_of_its_architecture_and_arguments(name: str) -> None:
    spec = resolve_spec(name, 47, 224, 3)
    assert spec == resolve_spec(VARIANTS[name].arch, 47, 224, 3, args=dict(VARIANTS[name].args))
    assert name_of(spec) == name
    assert name in ARCHITECTURES
    named, resolved = outline(ModelSpec(name, 47, 224, 3)), outline(spec)
    assert {key: tensor.shape for key, tensor in named.state_dict().items()} == {
        key: tensor.shape for key, tensor in resolved.state_dict().items()
    }


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("twistnet18", 11_588_963),
        ("twistnet18_no_spiral", 11_587_683),
        ("twistnet18_no_ais", 11_526_131),
        # 66 C + 681 more in each of four blocks of C channels: 32 channels of features, their gate, norm and projection.
        ("twistnet18_first_order", 11_200_623 + 66 * (256 + 256 + 512 + 512) + 4 * 681),
        ("resnet18", 11_200_623),
    ],
)
def test_names_have_the_published_sizes_with_47_classes(name: str, parameters: int) -> None:
    # The published "first order" has no heads: it counts what resnet18 does.
    assert count_parameters(outline(resolve_spec(name, 47, 224, 3))) == parameters


@pytest.mark.parametrize(
    ("name", "args", "key"),
    [
        ("twistnet18_no_spiral", {"no_spiral": False}, "model.args.no_spiral"),
        ("twistnet18_full_pairs", {"pairs": "upper"}, "model.args.pairs"),
        ("twistnet18_first_order", {"first_order": 0}, "model.args.first_order"),
    ],
)
def test_an_argument_that_contradicts_a_name_is_an_error(name: str, args: dict[str, Any], key: str) -> None:
    with pytest.raises(UserError, match=f"{name}.*name twistnet18") as caught:
        resolve_spec(name, 10, 32, 3, args=args)
    assert caught.value.key == key


def test_an_argument_that_repeats_a_name_or_adds_to_it_is_none() -> None:
    assert resolve_spec("twistnet18_no_ais", 10, 32, 3, args={"no_ais": True}) == resolve_spec(
        "twistnet18_no_ais", 10, 32, 3
    )
    both = resolve_spec("twistnet18_no_ais", 10, 32, 3, args={"no_spiral": True})
    assert both.args == {"no_ais": True, "no_spiral": True}
    assert name_of(both) is None


def test_arguments_that_say_what_holds_anyway_make_no_other_network() -> None:
    assert name_of(ModelSpec("twistnet18", 10, 32, 3, None, {"no_spiral": False, "pairs": "upper"})) == "twistnet18"
    defaults = {key: one.default for key, one in inspect.signature(TwistNet).parameters.items()}
    assert {key: defaults[key] for key in PLAIN["twistnet18"]} == PLAIN["twistnet18"]


def test_other_networks_are_called_by_their_architecture() -> None:
    assert name_of(resolve_spec("vit_micro", 10, 8, 1)) == "vit_micro"
    assert name_of(resolve_spec("vit_micro", 10, 8, 1, args={"depth": 2})) is None
