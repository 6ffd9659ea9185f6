"""On what a figure was measured, and how busy that was: without it a time says nothing."""

from __future__ import annotations

import argparse
import gc
import json
import os
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, TypeVar

import torch

from trainables.files.environment import processor

Made = TypeVar("Made")


def machine_text() -> str:
    """Processor, cores of this process, load, and PyTorch's version, in one line."""
    cores, (load, *_) = len(os.sched_getaffinity(0)), os.getloadavg()
    return f"{processor()}, {cores} cores for this process, load {load:.1f}, torch {torch.__version__}"


def milliseconds(do: Callable[[], object]) -> float:
    """Of the processor, that doing it once takes this process."""
    began = time.process_time()
    do()
    return 1000 * (time.process_time() - began)


def kept(make: Callable[[], Made]) -> tuple[Made, int]:
    """What `make` gives, and the bytes that Python allots for as long as that is held. What it loads on the way counts, unless
    it has been called before."""
    gc.collect()
    tracemalloc.start()
    made = make()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return made, size


def options_of(about: str | None) -> argparse.ArgumentParser:
    """A parser to which a program adds its own options; `--json` is among them."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    return parser


def show(options: argparse.Namespace, found: dict[str, Any], lines: Callable[[dict[str, Any]], list[str]]) -> None:
    """Print what was found, its `machine` first: as `lines` puts it, or as one JSON object."""
    if options.json:
        print(json.dumps(found))
        return
    print("\n".join([found["machine"], *lines(found)]))
