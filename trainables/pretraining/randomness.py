"""What the processes of a pretraining draw within an epoch.

Python's and NumPy's generators stand alike in all of them, so that mixing mixes the same everywhere; torch's apart, since
dropout is of each one's own images. The first draws as one process would.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainables.pretraining.processes import Processes
from trainables.seeds import derive, random_state, restore_random_state, seed_everything
from trainables.states.begun_epoch import BegunEpoch

OWN = ("torch", "cuda")
"""Generators that each process has of its own, as `random_state` names them."""


def draw_from_here(seed: int, begun: BegunEpoch, processes: Processes, device: torch.device) -> None:
    """Seed the global generators for an epoch, or put them where they stood after the steps of it that are done.

    In another number of processes than those steps were taken in, one that was not there is seeded for what is left.
    """
    seed_everything(seed)
    if begun.random:
        restore_random_state(begun.random, device)
    if processes.is_first:
        return
    stood = {
        name: begun.random[f"{name}.{processes.rank}"] for name in OWN if f"{name}.{processes.rank}" in begun.random
    }
    if not stood:
        torch.manual_seed(derive(seed, "process", processes.rank, *([begun.tally.steps] if begun.random else [])))
        return
    restore_random_state({**begun.random, **stood}, device)


def drawn_so_far(processes: Processes, device: torch.device) -> dict[str, Tensor]:
    """Where all generators stand; those of the process number R that are its own as `torch.R` and `cuda.R`."""
    state = random_state(device)
    for name in OWN:
        if name in state:
            every = processes.gathered(state[name])
            state |= {f"{name}.{rank}": one for rank, one in enumerate(every) if rank > 0}
            state[name] = every[0]
    return state
