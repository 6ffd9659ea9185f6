from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from models.units.base import UnitGroup
from pruning.catalogue import CRITERIA
from pruning.normalize import NORMALIZERS, in_force, normalize

numbers = st.lists(st.floats(0.0, 1e6, allow_subnormal=False).map(lambda x: round(x, 3)), min_size=1, max_size=20)


def one(values: list[float], how: str) -> torch.Tensor:
    group = UnitGroup("g", "neuron", len(values), (), "g")
    return normalize({"g": torch.tensor(values, dtype=torch.float64)}, [group], how, {"g": 1})["g"]


@pytest.mark.parametrize("how", NORMALIZERS)
@given(values=numbers)
def test_the_order_within_a_group_stays(how: str, values: list[float]) -> None:
    after = one(values, how).tolist()
    for i, before_i in enumerate(values):
        for j, before_j in enumerate(values):
            if before_i <= before_j:
                assert after[i] <= after[j] * (1 + 1e-12)


@pytest.mark.parametrize("how", [name for name in NORMALIZERS if name != "none"])
@given(values=numbers, factor=st.floats(0.01, 100.0))
def test_the_scale_of_a_group_does_not_matter(how: str, values: list[float], factor: float) -> None:
    scaled = one([factor * value for value in values], how)
    torch.testing.assert_close(scaled, one(values, how), rtol=1e-6, atol=1e-12)


def test_lamp_against_its_definition_by_loops() -> None:
    values = [3.0, 1.0, 2.0, 2.0, 0.0]
    expected = [v**2 / sum(w**2 for w in values if w >= v) if v else 0.0 for v in values]
    assert one(values, "lamp").tolist() == pytest.approx(expected)


def test_mean_and_max_give_mean_one_and_max_one() -> None:
    assert float(one([1.0, 2.0, 6.0], "mean").mean()) == pytest.approx(1.0)
    assert float(one([1.0, 2.0, 6.0], "max").max()) == 1.0


@pytest.mark.parametrize("how", NORMALIZERS)
def test_a_group_of_zeros_and_an_empty_group_stay_finite(how: str) -> None:
    assert one([0.0, 0.0], how).tolist() == [0.0, 0.0]
    assert one([], how).tolist() == []


def test_an_unknown_way_names_the_nearest() -> None:
    with pytest.raises(UserError, match="the nearest is lamp"):
        one([1.0], "lampp")


def test_groups_of_one_shape_are_ranked_together_and_of_two_apart() -> None:
    groups = [UnitGroup(name, "channel", 2, (), name) for name in ("a", "b", "c")]
    scores = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0, 4.0]), "c": torch.tensor([500.0, 600.0])}
    after = normalize(scores, groups, "shape", {"a": 9, "b": 9, "c": 18})
    assert [after[name].tolist() for name in ("a", "b", "c")] == [[0.25, 0.5], [0.75, 1.0], [0.5, 1.0]]


def test_by_default_only_scores_that_mean_the_same_in_every_layer_stay_as_they_are() -> None:
    bare = {name for name, traits in CRITERIA.items() if in_force("auto", traits) == "none"}
    assert bare == {"taylor", "taylor_group", "fisher", "obs", "reconstruction", "random"}
    assert all(in_force("auto", traits) == "mean" for name, traits in CRITERIA.items() if name not in bare)
    assert all(in_force("lamp", traits) == "lamp" for traits in CRITERIA.values())
