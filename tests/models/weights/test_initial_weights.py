import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from models.errors import UserError, WeightsRefused
from models.networks.native import random_state, timm_native_spec
from models.networks.registry import build, resolve_spec
from models.spec import ModelSpec
from models.weights.digest import file_digest, state_digest
from models.weights.initial_weights import InitialWeights, InitRequest, initial_weights
from tests.models.weights.cases import (
    HUB_TAG,
    INITIALISERS,
    put_in_hub_cache,
    really_trained,
    small_spec,
    trained_state,
    untrained_vit,
    weights_file,
)


def from_path(path: Path, spec: ModelSpec | None = None) -> InitialWeights:
    return initial_weights(spec or small_spec(), InitRequest("path", path=str(path)), seed=0)


def refused(path: Path, spec: ModelSpec | None = None) -> str:
    with pytest.raises(WeightsRefused) as refusal:
        from_path(path, spec)
    message = str(refusal.value)
    assert "\n" not in message
    assert refusal.value.evidence
    assert refusal.value.exit_status == 1
    return message


def saved(folder: Path, state: dict[str, torch.Tensor]) -> Path:
    path = folder / "vit_small_cifar10_pretrained_init.pth.tar"
    torch.save({"state_dict": state, "epoch": 1}, path)
    return path


@pytest.mark.parametrize("source", ["pretrained", "path"])
def test_another_file_than_the_one_asked_for_is_an_error(source: Any, tmp_path: Path) -> None:
    spec = small_spec()
    path = weights_file(tmp_path, spec)
    digest = file_digest(path)
    request = InitRequest(source, path=str(path), sha256=digest)
    assert initial_weights(spec, request, seed=0).provenance.source_sha256 == digest
    weights_file(tmp_path / "other", spec, trained_state(spec, 1)).replace(path)
    with pytest.raises(UserError, match="put that file back") as caught:
        initial_weights(spec, request, seed=0)
    assert digest in str(caught.value)
    assert file_digest(path) in str(caught.value)
    assert caught.value.key == "model.init.sha256"


def test_random_weights_follow_their_seed_and_leave_the_generator_alone() -> None:
    torch.manual_seed(9)
    wanted = torch.rand(2)
    torch.manual_seed(9)
    first = initial_weights(small_spec(), InitRequest("random"), seed=3)
    again = initial_weights(small_spec(), InitRequest("random"), seed=3)
    other = initial_weights(small_spec(), InitRequest("random"), seed=4)
    assert torch.equal(torch.rand(2), wanted)
    assert first.verdict == "random"
    assert first.provenance.origin == "random"
    assert first.digest == again.digest == state_digest(first.state) != other.digest
    torch.manual_seed(3)
    assert state_digest(build(small_spec()).state_dict()) == first.digest


def test_a_proven_file_comes_over_with_its_normalisation_and_a_report(tmp_path: Path) -> None:
    weights = from_path(weights_file(tmp_path, small_spec(28, 3)), small_spec(8, 1, 4))
    assert weights.verdict == "proven"
    assert weights.provenance.mean == pytest.approx((0.3,))
    assert weights.provenance.spec == small_spec(8, 1, 4)
    report = weights.provenance.report
    assert set(report.resampled) == {"pos_embed", "patch_embed.proj.weight"}
    assert set(report.reinitialised) == {"head.weight", "head.bias"}
    assert report.counts()["copied"] == len(weights.state) - 4
    assert weights.digest == state_digest(weights.state)
    build(small_spec(8, 1, 4)).load_state_dict(weights.state, strict=True)


def test_a_foreign_honest_file_is_unproven_and_comes_over_bit_for_bit(tmp_path: Path) -> None:
    state = really_trained(small_spec())
    weights = from_path(saved(tmp_path, state))
    assert weights.verdict == "unproven"
    assert weights.warnings
    assert all(torch.equal(weights.state[name], state[name]) for name in state if not name.startswith("head."))


@pytest.mark.parametrize("initialiser", INITIALISERS)
def test_random_weights_called_pretrained_are_refused_with_evidence_and_remedies(
    tmp_path: Path, initialiser: str
) -> None:
    message = refused(saved(tmp_path, untrained_vit(initialiser, small_spec())))
    for words in ("blocks.0 is at initialisation", "prunetune init fetch", "model.init.path", "source: random"):
        assert words in message


def test_pretrained_needs_proof(repository_weights: Path) -> None:
    save_file(really_trained(small_spec()), str(repository_weights / "a.safetensors"))
    with pytest.raises(WeightsRefused, match=r"unproven, and model\.init\.source: pretrained needs proof"):
        initial_weights(small_spec(), InitRequest("pretrained", tag="weights:a.safetensors"), seed=0)


def test_a_mixture_is_refused(tmp_path: Path) -> None:
    random = untrained_vit("jax", small_spec())
    mixed = {n: random[n] if n.startswith("blocks.1.") else t for n, t in trained_state(small_spec()).items()}
    assert "blocks.1 is at initialisation" in refused(saved(tmp_path, mixed))


def test_a_half_checkpoint_is_refused(tmp_path: Path) -> None:
    half = {n: t for n, t in trained_state(small_spec()).items() if not n.startswith("blocks.1.")}
    assert "12 of 32 tensors are missing" in refused(saved(tmp_path, half))


@pytest.mark.parametrize("prefix", ["backbone.", "module."])
def test_a_prefixed_checkpoint_is_refused_with_its_prefix(tmp_path: Path, prefix: str) -> None:
    prefixed = {prefix + n: t for n, t in trained_state(small_spec()).items()}
    assert repr(prefix) in refused(saved(tmp_path, prefixed))


def test_another_architectures_file_is_refused(tmp_path: Path) -> None:
    resnet = trained_state(resolve_spec("timm:resnet18", 10, 32, 3))
    assert "missing" in refused(saved(tmp_path, resnet))
    wider = replace(small_spec(), args={"depth": 2, "embed_dim": 48, "num_heads": 2})
    assert "has shape" in refused(saved(tmp_path, trained_state(wider)))
    assert "cannot become vit_micro" in refused(weights_file(tmp_path, wider))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = weights_file(tmp_path, small_spec())
    path.write_bytes(path.read_bytes()[:-1000])
    assert "truncated" in refused(path)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (InitRequest("path"), "model.init.path: missing"),
        (InitRequest("path", path="/nowhere/at/all"), "is not a file"),
        (InitRequest("random", path="x"), "say source: path"),
        (InitRequest("random", tag="timm:resnet18"), "say source: pretrained"),
        (InitRequest("pretrained", tag="vit_small"), "of no known kind"),
        (InitRequest("pretrained", path="x", tag="timm:resnet18"), "leave one out"),
        (InitRequest("pretrained", path="/nowhere/at/all"), "is not a file"),
        (InitRequest("partial"), "needs to know from what"),
        (InitRequest("random", start="timm:resnet18"), "needs to know from what"),
        (InitRequest("partial", start="/nowhere/at/all"), "is not a file"),
        (InitRequest("pretrained", tag="timm:vit_smal_patch16_224"), "vit_small_patch16_224"),
        (InitRequest("scratch"), "expected one of pretrained, path, partial, random"),  # type: ignore[arg-type]  # the mistake
    ],
)
def test_a_request_that_contradicts_itself_is_the_users_error(request_: InitRequest, words: str) -> None:
    with pytest.raises(UserError, match=words) as mistake:
        initial_weights(small_spec(), request_, seed=0)
    assert mistake.value.exit_status == 2


def test_an_architecture_without_published_weights_says_what_to_do() -> None:
    with pytest.raises(UserError, match=r"no pretrained weights exist for vit_tiny.*model\.init\.path.*source: random"):
        initial_weights(resolve_spec("vit_tiny", 10, 32, 3), InitRequest("pretrained"), seed=0)


def test_the_repositorys_own_weights_are_the_default_of_their_architecture(repository_weights: Path) -> None:
    path = weights_file(repository_weights, resolve_spec("vit_micro", 10, 28, 1))
    weights = initial_weights(resolve_spec("vit_micro", 10, 8, 1), InitRequest("pretrained"), seed=0)
    assert weights.verdict == "proven"
    assert weights.provenance.origin == "weights:vit_micro"
    assert weights.provenance.extra["source_file"] == path.name
    assert weights.provenance.extra["source_origin"] == "pretrain:test"
    second = weights_file(repository_weights, resolve_spec("vit_micro", 9, 28, 1))
    with pytest.raises(UserError, match="could be any of"):
        initial_weights(resolve_spec("vit_micro", 10, 8, 1), InitRequest("pretrained"), seed=0)
    named = InitRequest("pretrained", tag=f"weights:{second.name}")
    assert initial_weights(resolve_spec("vit_micro", 10, 8, 1), named, seed=0).verdict == "proven"


def test_without_the_repositorys_file_the_error_says_what_to_do(repository_weights: Path) -> None:
    with pytest.raises(UserError, match="prunetune pretrain"):
        initial_weights(resolve_spec("vit_micro", 10, 8, 1), InitRequest("pretrained"), seed=0)


def test_a_timm_tag_is_fetched_stored_and_then_read_from_the_store(hub_cache: Path, tmp_path: Path) -> None:
    native, *_ = timm_native_spec(HUB_TAG)
    source = trained_state(native)
    put_in_hub_cache(hub_cache, source)
    spec = resolve_spec(HUB_TAG, 10, 32, 3)
    store = tmp_path / "store"
    first = initial_weights(spec, InitRequest("pretrained"), seed=1, store=store)
    assert first.verdict == "proven"
    assert first.provenance.origin == HUB_TAG
    assert first.provenance.mean == (0.5, 0.5, 0.5)
    assert set(first.provenance.report.resampled) == {"pos_embed", "patch_embed.proj.weight"}
    assert torch.equal(first.state["blocks.3.mlp.fc1.weight"], source["blocks.3.mlp.fc1.weight"])
    assert len(list(store.iterdir())) == 1
    for cached in list(hub_cache.rglob("*.safetensors")):
        cached.unlink()
    second = initial_weights(spec, InitRequest("pretrained"), seed=1, store=store)
    assert second.digest == first.digest
    assert second.provenance.tensors == first.provenance.tensors
    assert second.provenance.source_sha256 == first.provenance.source_sha256
    other = initial_weights(replace(spec, num_classes=7), InitRequest("pretrained"), seed=1, store=store)
    assert other.state["head.weight"].shape == (7, 64)
    assert json.loads(json.dumps(other.provenance.to_json()))["spec"]["num_classes"] == 7


def test_random_weights_in_the_hubs_cache_are_refused(hub_cache: Path, tmp_path: Path) -> None:
    put_in_hub_cache(hub_cache, random_state(timm_native_spec(HUB_TAG)[0], 0))
    with pytest.raises(WeightsRefused, match="at initialisation"):
        initial_weights(resolve_spec(HUB_TAG, 10, 32, 3), InitRequest("pretrained"), seed=0, store=tmp_path / "s")
    assert not (tmp_path / "s").exists()
