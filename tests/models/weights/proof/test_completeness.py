from pathlib import Path

import pytest
import torch

from models.networks.native import random_state
from models.weights.proof.completeness import foreign_prefix, incompleteness
from models.weights.proof.verify import verify_file
from tests.models.networks import NETWORKS, spec_of
from tests.models.weights.cases import small_spec, trained_state


@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_whole_networks_lack_nothing(network: str) -> None:
    assert incompleteness(random_state(spec_of(network), 0)) == ()


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("blocks.0.", "blocks.0 missing, while blocks.1 is there"),
        ("blocks.1.attn.proj.", "blocks.1 lacks attn.proj.bias, attn.proj.weight"),
        ("patch_embed.", "the patch embedding is missing"),
        ("norm.", "the final norm is missing"),
    ],
)
def test_a_part_that_is_gone_is_named_without_knowing_the_network(tmp_path: Path, gone: str, words: str) -> None:
    torch.save({n: t for n, t in trained_state(small_spec()).items() if not n.startswith(gone)}, tmp_path / "a.pt")
    verdict = verify_file(tmp_path / "a.pt")
    assert verdict.word == "refused"
    assert any(words in line for line in verdict.evidence)


def test_a_gap_in_a_resnet_is_named() -> None:
    names = [name for name in random_state(spec_of("resnet18"), 0) if not name.startswith("layer3.0.")]
    assert incompleteness(names) == ("layer3.0 missing, while layer3.1 is there",)


@pytest.mark.parametrize("prefix", ["module.", "backbone.", "encoder.model."])
def test_a_prefix_before_every_name_is_found(tmp_path: Path, prefix: str) -> None:
    torch.save({prefix + name: tensor for name, tensor in trained_state(small_spec()).items()}, tmp_path / "a.pt")
    assert repr(prefix) in verify_file(tmp_path / "a.pt").evidence[0]
    assert foreign_prefix(list(trained_state(small_spec()))) is None
