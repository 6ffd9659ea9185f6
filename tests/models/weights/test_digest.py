import hashlib
from pathlib import Path

import torch

from models.weights.digest import file_digest, state_digest, tensor_digest


def test_a_tensor_digest_follows_values_shape_and_type_alone() -> None:
    tensor = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    same = torch.arange(6, dtype=torch.float32).reshape(3, 2).t().contiguous().t().reshape(2, 3)
    assert tensor_digest(tensor) == tensor_digest(same)
    assert tensor_digest(tensor.t().contiguous().t()) == tensor_digest(tensor), "memory layout must not matter"
    others = [tensor.reshape(3, 2), tensor.double(), tensor + 1, tensor.to(torch.bfloat16), tensor[:0]]
    digests = {tensor_digest(other) for other in others} | {tensor_digest(tensor)}
    assert len(digests) == len(others) + 1


def test_a_state_digest_ignores_order_but_not_names() -> None:
    a, b = torch.zeros(2), torch.ones(2)
    assert state_digest({"a": a, "b": b}) == state_digest({"b": b, "a": a})
    assert state_digest({"a": a, "b": b}) != state_digest({"a": b, "b": a})


def test_a_file_digest_is_sha256(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"prune" * 500_000)
    assert file_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()
