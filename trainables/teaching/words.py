"""Errors about weights, told as those of a teacher: its keys lie elsewhere, and random weights are no way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import UserError
from trainables.config.distill import TEACHER_KEY

MODEL = "model."
OF_A_TEACHER = ("arch", "init", "args")
"""Keys of `model` that a teacher has too."""
WAY_OUT = (("model.init.source: random", f"{TEACHER_KEY}: dense"), ("model.init", f"{TEACHER_KEY}.init"))
"""What messages say, and what they say of a teacher."""


@contextmanager
def told_of_teacher() -> Iterator[None]:
    """While open, what is raised about a model or its weights is about the teacher."""
    try:
        yield
    except UserError as error:
        if error.key is not None and not error.key.startswith(MODEL):
            raise
        text = error.text
        for ours, theirs in WAY_OUT:
            text = text.replace(ours, theirs)
        raise error.about(_key(error.key), text) from error


def _key(key: str | None) -> str:
    inner = "" if key is None else key.removeprefix(MODEL)
    return f"{TEACHER_KEY}.{inner}" if inner.partition(".")[0] in OF_A_TEACHER else TEACHER_KEY
