"""What a trial asks of Ray."""

from __future__ import annotations

from search.tuning.cluster.capacity import placement


def test_a_trial_asks_for_a_checked_machine() -> None:
    asked = placement({"cpus": 2, "gpus": 0.5, "nodes": ("a", "b")})
    assert asked.bundles == [{"CPU": 2.0, "GPU": 0.5}]
    assert asked != placement({"cpus": 2, "gpus": 0.5, "nodes": ("a",)}), "its process is not one for the other"
    assert placement({"cpus": 1, "gpus": 0, "nodes": ()}).bundles == [{"CPU": 1.0}]
