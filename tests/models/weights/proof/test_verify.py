import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from models.networks.native import native_model, random_state
from models.networks.registry import resolve_spec
from models.weights.digest import file_digest
from models.weights.proof.training_signs import figures_of, spectral_ratio, warnings_of
from models.weights.proof.verify import judge, verify_file
from models.weights.provenance import record_state, write_weights_file
from tests.models.networks import NETWORKS, spec_of
from tests.models.weights.cases import (
    INITIALISERS,
    really_trained,
    small_spec,
    trained_state,
    untrained_vit,
    weights_file,
)


def test_a_file_of_ours_with_its_recorded_hashes_is_proven(tmp_path: Path) -> None:
    verdict = verify_file(weights_file(tmp_path, small_spec(), really_trained(small_spec())))
    assert verdict.word == "proven"
    assert "equal their recorded hashes; origin pretrain:test" in verdict.evidence[0]
    told = json.loads(json.dumps(verdict.to_json(), allow_nan=False))
    assert told["verdict"] == "proven"
    assert told["origin"] == "pretrain:test"
    assert told["spec"]["arch"] == "vit_micro"


def test_a_foreign_file_without_fingerprints_is_unproven(tmp_path: Path) -> None:
    torch.save({"state_dict": really_trained(small_spec())}, tmp_path / "a.pt")
    verdict = verify_file(tmp_path / "a.pt")
    assert verdict.word == "unproven"
    assert verdict.to_json()["origin"] is None
    assert verdict.warnings, "three steps of training must look brief"


@pytest.mark.parametrize("initialiser", INITIALISERS)
def test_random_weights_are_refused_whatever_their_standard_deviation(tmp_path: Path, initialiser: str) -> None:
    torch.save(untrained_vit(initialiser, small_spec()), tmp_path / "pretrained.pth.tar")
    verdict = verify_file(tmp_path / "pretrained.pth.tar")
    assert verdict.word == "refused"
    assert {line.split()[0] for line in verdict.evidence} == {"blocks.0", "blocks.1", "norm", "cls_token"}


@pytest.mark.parametrize("arch", ["timm:resnet18", "timm:resnet50"])
def test_a_random_resnet_is_refused(tmp_path: Path, arch: str) -> None:
    save_file(random_state(resolve_spec(arch, 5, 32, 3), 0), str(tmp_path / "r.safetensors"))
    verdict = verify_file(tmp_path / "r.safetensors")
    assert verdict.word == "refused"
    assert any("never saw data" in line for line in verdict.evidence)


def test_random_weights_under_a_provenance_of_training_are_refused(tmp_path: Path) -> None:
    spec = small_spec()
    verdict = verify_file(weights_file(tmp_path, spec, random_state(spec, 0)))
    assert verdict.word == "refused"


def test_a_file_that_says_random_is_refused_even_when_shaken(tmp_path: Path) -> None:
    spec = small_spec()
    state = trained_state(spec)
    path = write_weights_file(tmp_path, state, record_state(state, spec, origin="random", default_how="reinitialised"))
    verdict = verify_file(path)
    assert verdict.word == "refused"
    assert verdict.evidence[0] == "the file's own provenance says origin: random"


def rewritten(path: Path, change: dict[str, torch.Tensor | None]) -> Path:
    """The file with some tensors replaced or taken out, under its old header."""
    state = load_file(str(path))
    for name, tensor in change.items():
        if tensor is None:
            del state[name]
        else:
            state[name] = tensor
    with safe_open(str(path), framework="pt") as handle:
        metadata = handle.metadata()
    save_file(state, str(path), metadata=metadata)
    return path


def test_content_that_left_its_recorded_hashes_is_refused(tmp_path: Path) -> None:
    spec = small_spec()
    state = trained_state(spec)
    tensor = state["blocks.1.mlp.fc2.weight"].clone()
    tensor[0, 0] += 1e-6
    changes: list[tuple[dict[str, torch.Tensor | None], str]] = [
        ({"blocks.1.mlp.fc2.weight": tensor}, "content no longer matches"),
        ({"norm.bias": None}, "norm.bias is recorded but not in the file"),
        ({"extra": torch.ones(1)}, "extra is in the file but not recorded"),
    ]
    for change, words in changes:
        verdict = verify_file(rewritten(weights_file(tmp_path, spec, state), change))
        assert verdict.word == "refused"
        assert any(words in line for line in verdict.evidence), words


def test_one_flipped_byte_is_found(tmp_path: Path) -> None:
    path = weights_file(tmp_path, small_spec())
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    verdict = verify_file(path)
    assert verdict.word == "refused"
    assert "no longer matches its recorded sha256" in verdict.evidence[0]


def test_the_committed_list_proves_and_a_listed_name_with_another_digest_refuses(
    repository_weights: Path,
) -> None:
    path = weights_file(repository_weights, small_spec())
    digests = repository_weights / "DIGESTS.json"
    digests.write_text(json.dumps({path.name: file_digest(path)}))
    assert verify_file(path).evidence == ("the file's sha256 stands in the committed list",)
    digests.write_text(json.dumps({path.name: "0" * 64}))
    verdict = verify_file(path)
    assert verdict.word == "refused"
    assert "differs from the committed 000000000000" in verdict.evidence[0]


def test_a_committed_digest_does_not_excuse_random_weights(repository_weights: Path) -> None:
    path = weights_file(repository_weights, small_spec(), random_state(small_spec(), 0))
    (repository_weights / "DIGESTS.json").write_text(json.dumps({path.name: file_digest(path)}))
    assert verify_file(path).word == "refused"


def test_a_half_file_of_ours_is_refused_although_its_hashes_match(tmp_path: Path) -> None:
    spec = small_spec()
    state = {name: tensor for name, tensor in trained_state(spec).items() if "blocks.1" not in name}
    path = write_weights_file(tmp_path, state, record_state(state, spec, origin="pretrain:x", default_how="trained"))
    verdict = verify_file(path)
    assert verdict.word == "refused"
    assert "tensors are missing" in verdict.evidence[0]


def test_missing_and_damaged_files_are_verdicts_too(tmp_path: Path) -> None:
    assert "cannot be read" in verify_file(tmp_path / "none").evidence[0]
    (tmp_path / "half").write_bytes(weights_file(tmp_path, small_spec()).read_bytes()[:5000])
    assert "truncated" in verify_file(tmp_path / "half").evidence[0]


def test_values_that_are_not_finite_are_refused() -> None:
    state = trained_state(small_spec())
    state["norm.weight"][0] = torch.inf
    assert judge(state, small_spec()).word == "refused"


def test_figures_warn_and_never_decide() -> None:
    spec = small_spec()
    brief = judge(really_trained(spec), spec)
    assert brief.word == "unproven"
    assert any("trained only briefly" in line for line in brief.warnings)
    long = trained_state(replace(spec, args={**spec.args, "embed_dim": 64}), 1)
    long = {name: tensor * 4 if "weight" in name else tensor for name, tensor in long.items()}
    assert not any("norm weights" in line or "old rule" in line for line in judge(long).warnings)


def test_the_spectral_ratio_is_one_for_noise_and_more_with_structure() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(200, 300, generator=generator)
    assert spectral_ratio(noise) == pytest.approx(1.0, abs=0.05)
    planted = noise + torch.outer(torch.randn(200, generator=generator), torch.randn(300, generator=generator))
    expected = torch.linalg.svdvals(planted.double())[0] / (planted.std() * (200**0.5 + 300**0.5))
    assert spectral_ratio(planted) == pytest.approx(float(expected), rel=1e-4)
    assert spectral_ratio(planted) > 3  # type: ignore[operator]  # a planted matrix has a ratio
    assert spectral_ratio(torch.zeros(3, 3)) is None
    assert spectral_ratio(torch.ones(1, 3)) is None


def test_the_old_rule_errs_both_ways_and_only_warns() -> None:
    spec = resolve_spec("vit_micro", 10, 28, 1)
    untrained = untrained_vit("moco", replace(spec, args={"depth": 1, "embed_dim": 64, "num_heads": 4}))
    assert figures_of(untrained)["qkv_std"] > 0.05  # type: ignore[operator]  # a ViT has this figure
    assert judge(untrained).word == "refused"
    trained = really_trained(small_spec())
    assert any("old rule" in line for line in warnings_of(figures_of(trained)))
    assert judge(trained).word == "unproven"


def test_networks_without_anything_to_measure_have_no_figures() -> None:
    assert set(figures_of({"conv.weight": torch.ones(2, 2, 3, 3)}).values()) == {None}
    assert warnings_of(figures_of({})) == ()


def test_a_network_is_judged_without_disturbing_the_generator() -> None:
    torch.manual_seed(1)
    wanted = torch.rand(2)
    torch.manual_seed(1)
    judge(trained_state(small_spec()), small_spec())
    native_model(small_spec())
    assert torch.equal(torch.rand(2), wanted)


@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_every_architecture_is_judged_against_its_own_names(network: str) -> None:
    spec = spec_of(network)
    state = trained_state(spec)
    assert judge(state, spec, graded=False).word == "unproven"
    del state[next(iter(state))]
    assert judge(state, spec, graded=False).word == "refused"
