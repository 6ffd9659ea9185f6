"""What each search algorithm is: all that can be known of them without loading Optuna.

A new one is one `register_algorithm` line here and one function in `search/tuning/proposals/samplers.py`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AlgorithmTraits:
    """What distinguishes an algorithm from TPE, whose traits are the defaults."""

    name: str
    sampler: str
    """The function that makes its Optuna sampler, as `module:function`; it is loaded when a configuration is proposed."""
    draws: bool = False
    """Draws configurations without looking at any result, so that arms may be given the same draws."""
    enumerates: bool = False
    """Runs all points of a grid in order, and needs no sampler."""
    models_conditions: bool = True
    """Learns about keys that are searched under a condition on another searched key."""
    models_choices: bool = True
    """Learns about keys whose values have no order."""
    takes_objectives: bool = True
    """Several objectives at once."""


ALGORITHMS: dict[str, AlgorithmTraits] = {}
"""Name → traits, in the order of registration."""
DEFAULT_ALGORITHM = "tpe"


def register_algorithm(traits: AlgorithmTraits) -> None:
    """Make an algorithm known: studies may name it from now on. ValueError where its name is taken."""
    if traits.name in ALGORITHMS:
        raise ValueError(f"there is an algorithm {traits.name!r} already")
    ALGORITHMS[traits.name] = traits


def algorithm_traits(name: str) -> AlgorithmTraits:
    """An algorithm's traits. Nothing is known of one of the user's own, which is trusted with every space."""
    return ALGORITHMS.get(name) or AlgorithmTraits(name, name)


SAMPLERS = "search.tuning.proposals.samplers"

register_algorithm(AlgorithmTraits("tpe", f"{SAMPLERS}:tpe"))
register_algorithm(AlgorithmTraits("random", f"{SAMPLERS}:random", draws=True))
register_algorithm(AlgorithmTraits("grid", "", enumerates=True))
register_algorithm(AlgorithmTraits("nsga2", f"{SAMPLERS}:nsga2", models_conditions=False))
register_algorithm(AlgorithmTraits("gp", f"{SAMPLERS}:gp", models_conditions=False))
register_algorithm(AlgorithmTraits("qmc", f"{SAMPLERS}:qmc", draws=True))
register_algorithm(
    AlgorithmTraits("cmaes", f"{SAMPLERS}:cmaes", models_conditions=False, models_choices=False, takes_objectives=False)
)
