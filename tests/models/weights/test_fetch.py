import socket
import time
from pathlib import Path

import httpx2
import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import EntryNotFoundError

from models.errors import WeightsRefused
from models.networks.native import timm_native_spec
from models.networks.registry import resolve_spec
from models.weights import hub
from models.weights.fetch import fetch
from models.weights.initial_weights import InitRequest, initial_weights
from models.weights.proof.verify import verify_file
from models.weights.store import list_store, store_folder
from models.weights.weights_file import read_provenance
from tests.models.weights.cases import HUB_TAG, put_in_hub_cache, small_spec, trained_state, weights_file

SPEC = resolve_spec(HUB_TAG, 10, 32, 3)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def cached(hub_cache: Path, seed: int = 0, revision: str = "a" * 40) -> Path:
    return put_in_hub_cache(hub_cache, trained_state(timm_native_spec(HUB_TAG)[0], seed), revision)


def test_a_fetch_reports_and_stores_what_it_did(hub_cache: Path, store: Path) -> None:
    cached(hub_cache)
    report = fetch(SPEC, store=store)
    assert report.origin == HUB_TAG
    assert report.path.parent == store
    assert report.path.name.startswith("timm-test_vit.r160_in1k-32px-p4-10c-")
    told = report.to_json()
    assert told["transfer"]["counts"] == {"copied": 76, "resampled": 2, "reinitialised": 2}
    assert told["verdict"]["verdict"] == "proven"
    assert not report.already_there
    assert verify_file(report.path).word == "proven"
    again = fetch(SPEC, store=store)
    assert again.already_there
    assert again.path == report.path
    listed = [file for file in list_store(store) if file.path.parent == store]
    assert [file.to_json()["origin"] for file in listed] == [HUB_TAG]


def test_a_stale_file_is_moved_aside_with_its_date_and_rebuilt(hub_cache: Path, store: Path) -> None:
    cached(hub_cache)
    old = fetch(SPEC, store=store)
    content = old.path.read_bytes()
    cached(hub_cache, seed=1, revision="b" * 40)
    new = fetch(SPEC, store=store)
    assert new.source_sha256 != old.source_sha256
    assert new.moved_aside is not None
    assert new.moved_aside.name.startswith(f"{old.path.name}.stale-20")
    assert new.moved_aside.read_bytes() == content
    assert not old.path.exists()


def test_a_trial_notices_a_stale_file_too(hub_cache: Path, store: Path) -> None:
    cached(hub_cache)
    old = fetch(SPEC, store=store)
    cached(hub_cache, seed=1, revision="b" * 40)
    weights = initial_weights(SPEC, InitRequest("pretrained"), seed=0, store=store)
    assert weights.provenance.source_sha256 != old.source_sha256
    assert len(list(store.glob("*.stale-*"))) == 1


def test_a_damaged_store_is_refused_by_a_trial_and_mended_by_a_fetch(hub_cache: Path, store: Path) -> None:
    cached(hub_cache)
    path = fetch(SPEC, store=store).path
    whole = path.read_bytes()
    altered = bytearray(whole)
    altered[-100] ^= 1
    for damaged, words in ((whole[:-500], "truncated"), (bytes(altered), "no longer matches its recorded sha256")):
        path.write_bytes(damaged)
        with pytest.raises(WeightsRefused, match=words):
            initial_weights(SPEC, InitRequest("pretrained"), seed=0, store=store)
        mended = fetch(SPEC, store=store)
        assert mended.moved_aside is not None
        assert mended.path.read_bytes()[-1000:] == whole[-1000:]
        assert initial_weights(SPEC, InitRequest("pretrained"), seed=0, store=store).verdict == "proven"


def test_each_geometry_and_origin_has_its_own_file(hub_cache: Path, store: Path) -> None:
    cached(hub_cache)
    specs = [
        SPEC,
        resolve_spec(HUB_TAG, 10, 32, 1),
        resolve_spec(HUB_TAG, 10, 32, 3, 8),
        resolve_spec(HUB_TAG, 10, 64, 3),
    ]
    paths = {fetch(spec, store=store).path for spec in specs}
    assert len(paths) == len(specs)
    assert [read_provenance(fetch(spec, store=store).path).spec for spec in specs] == specs  # type: ignore[union-attr]  # ours


def test_a_broken_download_is_refused(hub_cache: Path, store: Path) -> None:
    blob = cached(hub_cache).resolve()
    data = bytearray(blob.read_bytes())
    data[-100] ^= 1
    blob.write_bytes(data)
    with pytest.raises(WeightsRefused, match="the hub recorded"):
        fetch(SPEC, store=store)
    assert not store.exists()


def test_offline_with_nothing_cached_is_one_clear_error_at_once(
    hub_cache: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("it went to the network, or waited to try again")

    monkeypatch.setattr(time, "sleep", never)
    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(socket.socket, "connect", never)
    with pytest.raises(WeightsRefused) as refusal:
        initial_weights(resolve_spec("vit_small", 10, 32, 3), InitRequest("pretrained"), seed=0, store=store)
    message = str(refusal.value)
    assert "\n" not in message
    for words in (
        "timm:vit_small_patch16_224.augreg_in21k_ft_in1k",
        str(hub_cache),
        "HF_HUB_OFFLINE",
        "prunetune init fetch",
        "model.init.path",
        "source: random",
    ):
        assert words in message
    assert not store.exists()


@pytest.mark.parametrize("error", [OSError("no route"), httpx2.ConnectError("refused"), httpx2.ReadTimeout("slow")])
def test_a_hub_that_does_not_answer_is_asked_once(
    hub_cache: Path, store: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    asked = []

    def unreachable(url: str, **_: object) -> None:
        asked.append(url)
        raise error

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "get_hf_file_metadata", unreachable)
    with pytest.raises(WeightsRefused, match=str(error)):
        fetch(SPEC, store=store)
    assert len(asked) == 1
    cached(hub_cache)
    assert fetch(SPEC, store=store).verdict.word == "proven", "what is cached serves without the hub"


def test_a_file_that_is_not_on_the_hub_under_one_name_is_asked_for_under_the_other(
    hub_cache: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def metadata(url: str, **_: object) -> None:
        if "safetensors" in url:
            raise EntryNotFoundError("404")

    def download(repo: str, name: str, **_: object) -> str:
        assert name == "pytorch_model.bin"
        path = hub_cache / name
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(trained_state(timm_native_spec(HUB_TAG)[0]), path)
        return str(path)

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "get_hf_file_metadata", metadata)
    monkeypatch.setattr(hub, "hf_hub_download", download)
    assert fetch(SPEC, store=store).verdict.word == "proven"


def test_a_programming_error_under_the_hub_is_not_taken_for_a_network_without_answer(
    hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(url: str, **_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "get_hf_file_metadata", broken)
    with pytest.raises(ZeroDivisionError):
        hub.download(HUB_TAG)


def test_the_stores_folder_is_the_given_one_or_the_variables_or_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNETUNE_STORE", str(tmp_path / "named"))
    assert store_folder(tmp_path) == tmp_path
    assert store_folder() == tmp_path / "named"
    monkeypatch.delenv("PRUNETUNE_STORE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store_folder() == tmp_path / ".cache" / "prunetune" / "weights"


def test_a_listing_shows_sound_damaged_and_foreign_files(store: Path, repository_weights: Path) -> None:
    own = weights_file(repository_weights, small_spec())
    weights_file(store, small_spec())
    (store / "half.safetensors").write_bytes(own.read_bytes()[:400])
    told = [file.to_json() for file in list_store(store)]
    assert len(told) == 3
    assert [Path(entry["path"]).name for entry in told if entry["problem"]] == ["half.safetensors"]
    assert {entry["origin"] for entry in told} == {"pretrain:test", None}
