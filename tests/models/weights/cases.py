"""Small states, trained-looking and not, and a stand-in for the hub's cache, for the tests of initial weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor

from models.networks.native import native_model, random_state
from models.networks.registry import resolve_spec
from models.spec import ModelSpec
from models.weights.provenance import record_state, write_weights_file

SMALL = {"depth": 2, "embed_dim": 32, "num_heads": 2}
HUB_TAG = "timm:test_vit.r160_in1k"
INITIALISERS = ("", "reset", "jax", "moco")


def small_spec(img_size: int = 28, in_chans: int = 1, classes: int = 10, patch_size: int | None = None) -> ModelSpec:
    return resolve_spec("vit_micro", classes, img_size, in_chans, patch_size, dict(SMALL))


def shaken(state: dict[str, Tensor], seed: int = 0, amount: float = 0.05) -> dict[str, Tensor]:
    """`state` with noise on every parameter and running statistic, as after some training."""
    generator = torch.Generator().manual_seed(seed)
    result = {}
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            result[name] = tensor + 7
            continue
        noise = amount * torch.randn(tensor.shape, generator=generator)
        result[name] = tensor + (noise.abs() if name.endswith("running_var") else noise)
    return result


def trained_state(spec: ModelSpec, seed: int = 0) -> dict[str, Tensor]:
    return shaken(random_state(spec, seed), seed)


def really_trained(spec: ModelSpec, steps: int = 3) -> dict[str, Tensor]:
    """A few steps of AdamW on noise: little training, but training."""
    model = native_model(spec, seed=0)
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(steps):
        images = torch.randn(8, *spec.input_shape, generator=generator)
        labels = torch.randint(spec.num_classes, (8,), generator=generator)
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def untrained_vit(initialiser: str, spec: ModelSpec) -> dict[str, Tensor]:
    """A ViT of the spec's geometry as one of timm's initialisers leaves it."""
    arguments = {"mlp_ratio": 4.0, **spec.args}
    torch.manual_seed(3)
    model = VisionTransformer(
        img_size=spec.img_size,
        patch_size=spec.patch_size,
        in_chans=spec.in_chans,
        num_classes=spec.num_classes,
        weight_init=initialiser,
        **arguments,
    )
    return dict(model.state_dict())


def weights_file(folder: Path, spec: ModelSpec, state: dict[str, Tensor] | None = None) -> Path:
    """A weights file of ours, as a pretraining run writes it."""
    state = trained_state(spec) if state is None else state
    channels = spec.in_chans
    provenance = record_state(
        state, spec, origin="pretrain:test", default_how="trained", mean=[0.3] * channels, std=[0.2] * channels
    )
    return write_weights_file(folder, state, provenance)


def put_in_hub_cache(cache: Path, state: dict[str, Tensor], revision: str = "a" * 40, tag: str = HUB_TAG) -> Path:
    """Lay a state down as huggingface_hub does: blob under its sha256, snapshot linking to it, ref to the revision."""
    repo = timm.get_pretrained_cfg(tag.removeprefix("timm:")).hf_hub_id
    root = cache / f"models--{repo.replace('/', '--')}"
    temporary = cache / "new.safetensors"
    cache.mkdir(parents=True, exist_ok=True)
    save_file(state, str(temporary))
    blob = root / "blobs" / hashlib.sha256(temporary.read_bytes()).hexdigest()
    snapshot = root / "snapshots" / revision / "model.safetensors"
    for path in (blob, snapshot, root / "refs" / "main"):
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(blob)
    snapshot.unlink(missing_ok=True)
    snapshot.symlink_to(blob)
    (root / "refs" / "main").write_text(revision)
    return snapshot
