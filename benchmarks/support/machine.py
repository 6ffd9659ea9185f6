"""On what a figure was measured, and how busy that was: without it a time says nothing."""

from __future__ import annotations

import os

import torch

from trainables.files.environment import processor


def machine_text() -> str:
    """Processor, cores of this process, load, and PyTorch's version, in one line."""
    cores, (load, *_) = len(os.sched_getaffinity(0)), os.getloadavg()
    return f"{processor()}, {cores} cores for this process, load {load:.1f}, torch {torch.__version__}"
