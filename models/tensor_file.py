"""The one place where tensors are written to a file: a disk that is full is an OSError there too."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

FROM_SYSTEM = re.compile(r"\(os error (\d+)\)")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Tensors must be contiguous and share no memory. OSError, with its number, where the system refuses to write."""
    # safetensors writes for its owner alone; a new file of ours is for whom the user's umask says.
    path.touch()
    mode = stat.S_IMODE(path.stat().st_mode)
    try:
        save_file(dict(tensors), str(path), metadata=None if metadata is None else dict(metadata))
    except SafetensorError as error:
        # safetensors tells what the system said in its own class, and the number in words alone.
        found = FROM_SYSTEM.search(str(error))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from error
    with suppress(OSError):  # where files have no modes
        path.chmod(mode)
