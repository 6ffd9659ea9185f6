import pytest
import torch

from models.networks.native import head_names, native_model, random_state
from models.weights.proof.fingerprints import initialisation_evidence, not_finite, part_of
from tests.models.networks import NETWORKS, spec_of
from tests.models.weights.cases import INITIALISERS, really_trained, shaken, small_spec, trained_state, untrained_vit


@pytest.mark.parametrize("initialiser", INITIALISERS)
def test_every_initialiser_of_timm_is_recognised_in_every_part(initialiser: str) -> None:
    evidence = initialisation_evidence(untrained_vit(initialiser, small_spec()))
    for part in ("blocks.0", "blocks.1", "norm", "cls_token"):
        assert any(line.startswith(f"{part} is at initialisation") for line in evidence), part


@pytest.mark.usefixtures("narrow_twistnet")
@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_random_weights_of_every_architecture_are_recognised(network: str) -> None:
    spec = spec_of(network)
    head = head_names(native_model(spec))
    assert initialisation_evidence(random_state(spec, 0), head=head)
    assert initialisation_evidence(trained_state(spec), head=head) == ()


def test_one_optimiser_step_is_training() -> None:
    assert initialisation_evidence(really_trained(small_spec(), steps=1)) == ()


@pytest.mark.parametrize("initialiser", INITIALISERS)
@pytest.mark.parametrize("part", ["blocks.0.", "blocks.1.", "norm."])
def test_a_mixture_names_the_part_that_was_never_trained(initialiser: str, part: str) -> None:
    spec = small_spec()
    random = untrained_vit(initialiser, spec)
    mixed = {name: random[name] if name.startswith(part) else t for name, t in trained_state(spec).items()}
    evidence = initialisation_evidence(mixed)
    assert len(evidence) == 1
    assert evidence[0].startswith(f"{part[:-1]} is at initialisation")


@pytest.mark.parametrize("part", ["conv1", "layer2.0", "layer4.1"])
def test_a_mixed_resnet_names_the_part_that_never_saw_data(part: str) -> None:
    spec = spec_of("resnet18")
    random = random_state(spec, 0)
    own = ("conv1", "bn1") if part == "conv1" else (part,)
    mixed = {name: random[name] if name.startswith(own) else t for name, t in trained_state(spec).items()}
    evidence = initialisation_evidence(mixed)
    assert evidence
    assert all(line.startswith(part_of(f"{part}.x")) for line in evidence)


def honest_cases() -> dict[str, dict[str, torch.Tensor]]:
    spec = small_spec()
    trained = trained_state(spec)
    without = {name: t for name, t in trained.items() if not name.endswith("qkv.bias")}
    scaled = {**trained, **{f"blocks.{i}.ls{j}.gamma": torch.full((32,), 1e-5) for i in (0, 1) for j in (1, 2)}}
    keys = {name: t.clone() for name, t in trained.items()}
    for name in keys:
        if name.endswith("qkv.bias"):
            keys[name][32:64] = 0
    resnet = shaken(random_state(spec_of("resnet18"), 0))
    zero_gamma = {name: torch.zeros_like(t) if name.endswith("bn2.weight") else t for name, t in resnet.items()}
    counters = {name: torch.zeros_like(t) if "num_batches" in name else t for name, t in resnet.items()}
    return {
        "frozen norm biases": zeroed(trained, "norm1.bias", "norm2.bias", "norm.bias"),
        "frozen linear biases": zeroed(trained, "qkv.bias", "proj.bias", "fc1.bias", "fc2.bias"),
        "absent biases": without,
        "zero key biases": keys,
        "LayerScale at its start": scaled,
        "one norm at its start beside a trained one": {**trained, **identity_norm("blocks.0.norm1")},
        "norm weights one, biases trained": ones(trained),
        "zero-gamma norms": zero_gamma,
        "counters at zero": counters,
        "absent class token": {name: t for name, t in trained.items() if name != "cls_token"},
    }


def zeroed(state: dict[str, torch.Tensor], *ends: str) -> dict[str, torch.Tensor]:
    return {name: torch.zeros_like(t) if name.endswith(ends) else t for name, t in state.items()}


def ones(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    is_norm = {name: t.ndim == 1 and name.endswith(".weight") for name, t in state.items()}
    return {name: torch.ones_like(t) if is_norm[name] else t for name, t in state.items()}


def identity_norm(name: str) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.ones(32), f"{name}.bias": torch.zeros(32)}


@pytest.mark.parametrize("case", sorted(honest_cases()))
def test_honest_weights_leave_no_fingerprint(case: str) -> None:
    assert initialisation_evidence(honest_cases()[case]) == ()


def test_norms_without_bias_count_by_their_weight_alone() -> None:
    trained = trained_state(small_spec())
    bare = {name: t for name, t in ones(trained).items() if not (name.startswith("blocks.0.norm") and "bias" in name)}
    assert [line.split()[0] for line in initialisation_evidence(bare)] == ["blocks.0"]


def test_a_token_declared_new_is_excused() -> None:
    state = {**trained_state(small_spec()), "cls_token": torch.full((1, 1, 32), 1e-6)}
    assert initialisation_evidence(state)[0].startswith("cls_token is at initialisation: rms 1.0e-06")
    assert initialisation_evidence(state, declared_new=["cls_token"]) == ()


def test_values_that_are_not_finite_are_found() -> None:
    state = trained_state(small_spec())
    state["blocks.0.mlp.fc1.weight"][0, 0] = torch.nan
    assert not_finite(state) == ("blocks.0.mlp.fc1.weight holds values that are not finite",)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("blocks.11.attn.qkv.weight", "blocks.11"),
        ("layer1.0.downsample.1.weight", "layer1.0"),
        ("stages.2.blocks.3.norm.weight", "stages.2.blocks.3"),
        ("blocks.1.2.bn1.weight", "blocks.1.2"),
        ("bn1.running_mean", "stem"),
        ("conv1.4.weight", "stem"),
        ("patch_embed.proj.weight", "patch_embed"),
        ("norm.bias", "norm"),
    ],
)
def test_parts_are_named_as_people_name_them(name: str, part: str) -> None:
    assert part_of(name) == part
