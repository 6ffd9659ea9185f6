"""Which of an arm's configurations take the most memory, as far as can be told without training one."""

from __future__ import annotations

from search.study.arm import Arm
from search.study.corners import joint_corners
from search.study.study import Study
from trainables.config.trial import TrialConfig

KEYS = (
    "model",
    "data.image_size",
    "train.batch_size",
    "train.state0.batch_size",
    "train.precision",
    "train.distill",
    "train.device",
)
"""What decides how much memory a trial takes, and may be searched."""
OF_ARM = 2
"""So many are measured of each arm: images times MACs is not quite the order of what networks take."""


def costliest(study: Study) -> list[tuple[str, TrialConfig]]:
    """Of each arm those that are measured, with its name, largest first; what trains alike in two arms only once.

    Left out are configurations that use no GPU, and the arms whose network comes from another's file: it is a smaller one.
    """
    found: list[tuple[str, TrialConfig]] = []
    seen: list[object] = []
    for arm in study.arms.values():
        for config in _of_arm(study, arm):
            trains = (config.model, config.data, config.train)
            if trains not in seen:
                seen.append(trains)
                found.append((arm.name, config))
    return found


def _of_arm(study: Study, arm: Arm) -> list[TrialConfig]:
    if arm.traits.from_scratch:
        return []
    configs = [arm.config(values) for values in joint_corners(study, arm, KEYS)]
    distinct: dict[tuple[object, ...], TrialConfig] = {}
    for config in configs:
        if config.train.device != "cpu":
            distinct.setdefault((config.model.model_dump_json(), config.train.model_dump_json()), config)
    return sorted(distinct.values(), key=_weight, reverse=True)[:OF_ARM]


def _weight(config: TrialConfig) -> float:
    """Images of a batch times the dense network's MACs, a third more with a teacher, half as much in 16 bits."""
    from models.cost import count_macs
    from models.networks.registry import build
    from models.networks.shapes_only import shapes_only
    from trainables.data import describe_data
    from trainables.data.network_spec import network_spec

    spec = network_spec(config.model, describe_data(config.data))
    with shapes_only():
        macs = count_macs(build(spec), spec.input_shape)
    recipes = [config.train_of_state(state) for state in range(min(config.states + 1, 2))]
    images = max(recipe.batch_size * (4 / 3 if recipe.distill.weight > 0 else 1) for recipe in recipes)
    return images * macs * (1 if config.train.precision == "float32" else 0.5)
