"""timm's published weights: found in the Hugging Face cache, or downloaded to it once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import timm
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

from models.errors import WeightsRefused
from models.networks.registry import timm_name
from models.weights.digest import file_digest

FILE_NAMES = ("model.safetensors", "pytorch_model.bin")
PROBE_SECONDS = 8.0
SHA256 = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True)
class HubFile:
    """A cached file of a tag; `recorded` is the SHA-256 that the hub itself gives it, None where it gives none."""

    path: Path
    recorded: str | None


def cache_folder() -> Path:
    return Path(constants.HF_HUB_CACHE)


def cached_file(tag: str) -> HubFile | None:
    """The tag's file in the cache, without touching the network; None if it is not there."""
    repo, revision, names = _location(tag)
    for name in names:
        found = try_to_load_from_cache(repo, name, cache_dir=cache_folder(), revision=revision)
        if isinstance(found, str) and Path(found).is_file():
            return _hub_file(Path(found))
    return None


def download(tag: str) -> HubFile:
    """The tag's newest file, from the hub if it can be reached, else from the cache.

    One quick question first finds out whether the hub answers: huggingface_hub's own way asks ten times, for 50 s.

    Raises:
        WeightsRefused: not in the cache and not to be had; names the model, the cache and what to do.
    """
    cached = cached_file(tag)
    if constants.HF_HUB_OFFLINE:
        if cached is not None:
            return cached
        raise unavailable(tag, "HF_HUB_OFFLINE is set")
    repo, revision, names = _location(tag)
    reasons = []
    for name in names:
        try:
            url = hf_hub_url(repo, name, revision=revision)
            get_hf_file_metadata(url, timeout=PROBE_SECONDS, retry_on_errors=False)
            path = hf_hub_download(repo, name, revision=revision, cache_dir=cache_folder())
            return _hub_file(Path(path))
        except LocalEntryNotFoundError as error:
            reasons.append(_reason(error))
            break
        except EntryNotFoundError:
            reasons.append(f"the hub has no {name} for it")
        except HfHubHTTPError as error:
            reasons.append(_reason(error))
            break
        except OSError as error:
            reasons.append(_reason(error))
            break
        except Exception as error:
            # The HTTP library under huggingface_hub changes between versions and its errors are no OSError.
            if not _is_transport_error(error):
                raise
            reasons.append(_reason(error))
            break
    if cached is not None:
        return cached
    raise unavailable(tag, reasons[-1])


def unavailable(tag: str, reason: str) -> WeightsRefused:
    evidence = (f"{tag} is not in the cache {cache_folder()}", f"it cannot be downloaded: {reason}")
    return WeightsRefused(
        f"pretrained weights {tag}: not in the cache {cache_folder()} and cannot be downloaded ({reason}); run "
        "`prunetune init fetch ARCH` where there is a network, or copy its cache folder here (HF_HOME), or point "
        "model.init.path to a weights file, or say model.init.source: random",
        evidence,
    )


def intact(file: HubFile) -> tuple[str, str | None]:
    """The file's SHA-256, and what is wrong if the hub's record says another (a broken or altered download)."""
    digest = file_digest(file.path)
    if file.recorded is None or file.recorded == digest:
        return digest, None
    return digest, f"sha256 of the cached file is {digest[:12]}…, the hub recorded {file.recorded[:12]}…"


def _location(tag: str) -> tuple[str, str | None, tuple[str, ...]]:
    config = timm.get_pretrained_cfg(timm_name(tag))
    if config is None or not config.hf_hub_id:
        raise WeightsRefused(
            f"pretrained weights {tag}: not published on the hub; give a full tag such as "
            "timm:vit_small_patch16_224.augreg_in21k_ft_in1k, point model.init.path to a file, "
            "or say model.init.source: random",
            (f"timm knows no hub repository for {tag}",),
        )
    repo, _, revision = config.hf_hub_id.partition("@")
    # timm itself leaves the repository's own tag to be filled in.
    repo = repo if not repo.endswith("/") else repo + timm_name(tag)
    return repo, revision or None, (config.hf_hub_filename,) if config.hf_hub_filename else FILE_NAMES


def _hub_file(path: Path) -> HubFile:
    # Large files lie in the cache under their SHA-256, and the snapshot is a link to that.
    name = path.resolve().name
    return HubFile(path, name if path.is_symlink() and SHA256.match(name) else None)


def _is_transport_error(error: Exception) -> bool:
    return any(kind.__name__ in ("TransportError", "HTTPError") for kind in type(error).__mro__)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    return (text or type(error).__name__)[:160]
