"""What each search algorithm is: all that can be known of them without loading Optuna.

A new one is one `register_algorithm` line here and one function in `search/tuning/proposals/samplers.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.own_parts import OwnPart, Registry, wrong_part


@dataclass(frozen=True)
class AlgorithmTraits:
    """What distinguishes an algorithm from TPE, whose traits are the defaults."""

    name: str
    sampler: str | OwnPart
    """The function that makes its Optuna sampler, as `module:function`, loaded when a configuration is proposed; or a user's
    own class or factory."""
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


def _own_algorithm(part: OwnPart) -> AlgorithmTraits:
    """Nothing is known of what it can learn about: it is trusted with every space."""
    if not callable(part.value):
        raise wrong_part("search.algorithm", part, "a class of Optuna samplers, or a function that makes one")
    return AlgorithmTraits(part.origin.reference, part)


ALGORITHMS: Registry[AlgorithmTraits] = Registry("samplers", "search.algorithm", _own_algorithm)
"""Name → traits, in the order of registration; a user's own too."""
DEFAULT_ALGORITHM = "tpe"


def register_algorithm(traits: AlgorithmTraits) -> None:
    """Make an algorithm known: studies may name it from now on. ValueError where its name is taken."""
    ALGORITHMS.register(traits.name, traits)


def algorithm_traits(name: str) -> AlgorithmTraits:
    """What is known of an algorithm without importing anything of the user's: of one of their own nothing."""
    return ALGORITHMS.built_in.get(name) or AlgorithmTraits(name, "")


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
