"""Networks of a user's own: built by what `model.arch` refers to, from the keyword arguments that it takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Self

from torch import nn

from models.errors import UserError
from models.names import nearest, suggestion
from models.own_parts import OwnPart, Registry, users_error, wrong_part
from models.spec import ModelSpec

KEY = "model.arch"
EXPECTED = "a torch.nn.Module class or a function that gives a torch.nn.Module, with a keyword argument num_classes"
SIZES = ("img_size", "in_chans", "patch_size")
"""What a builder is given besides `num_classes`, as far as it takes them."""

Builder = Callable[..., nn.Module]


def _builder_of(part: OwnPart) -> Builder:
    if not callable(part.value):
        raise wrong_part(KEY, part, EXPECTED)
    if isinstance(part.value, type) and not issubclass(part.value, nn.Module):
        raise wrong_part(KEY, part, EXPECTED, "a class of something else")
    if not _takes(part.value, "num_classes"):
        raise wrong_part(KEY, part, EXPECTED, "one without it")
    builder: Builder = part.value
    return builder


OWN: Registry[Builder] = Registry("architectures", KEY, _builder_of)
"""The builders of users' own networks; those of ours and timm's are told by their names (`registry.py`)."""


def is_own(arch: str) -> bool:
    """Whether this architecture is a user's own; nothing is imported."""
    return OWN.is_own(arch)


def own_sizes(arch: str) -> tuple[str, ...]:
    """Which of `img_size` and `patch_size` its builder takes."""
    return tuple(size for size in ("img_size", "patch_size") if _takes(OWN[arch], size))


MARK = "own_network"


class OwnNetwork:
    """Where a network came from, which is marked with it: the spec, and the builder as it was then."""

    def __init__(self, spec: ModelSpec, builder: Builder) -> None:
        self.spec, self.builder = spec, builder

    def __deepcopy__(self, memo: object) -> Self:
        return self


def own_network(model: nn.Module) -> OwnNetwork | None:
    """Of a network that `build_own` built, or a copy of it; None for any other."""
    found: OwnNetwork | None = getattr(model, MARK, None)
    return found


def build_own(spec: ModelSpec) -> nn.Module:
    """The network that the user's builder gives. UserError where it fails, or gives something else."""
    return built_by(OWN[spec.arch], spec)


def built_by(builder: Builder, spec: ModelSpec) -> nn.Module:
    """The same by this builder."""
    _check_taken(builder, spec)
    sizes = {name: getattr(spec, name) for name in SIZES if getattr(spec, name) is not None}
    taken = {name: value for name, value in sizes.items() if _takes(builder, name)}
    try:
        model = builder(num_classes=spec.num_classes, **taken, **spec.args)
    except Exception as error:
        given = ", ".join(f"{key}={value!r}" for key, value in {**taken, **spec.args}.items())
        raise UserError(
            f"{spec.arch}: cannot be built with num_classes={spec.num_classes}, {given}: {users_error(error)}; "
            "correct it there, or model.args",
            key=KEY,
        ) from error
    if not isinstance(model, nn.Module):
        raise UserError(f"{spec.arch}: gave {type(model).__name__}, expected {EXPECTED}", key=KEY)
    setattr(model, MARK, OwnNetwork(spec, builder))
    return model


def _check_taken(builder: Builder, spec: ModelSpec) -> None:
    unknown = next((name for name in spec.args if not _takes(builder, name)), None)
    if unknown is not None:
        known = [one for one in inspect.signature(builder).parameters if one not in ("num_classes", *SIZES)]
        raise UserError(
            f"{spec.arch} does not take it ({', '.join(known) or 'it takes nothing of its own'})"
            f"{suggestion(nearest(unknown, known))}",
            key=f"model.args.{unknown}",
        )


def _takes(builder: Builder, name: str) -> bool:
    """Whether a builder takes this keyword argument. Who takes whatever there is takes all but patches, which most have not."""
    try:
        parameters = inspect.signature(builder).parameters
    except (TypeError, ValueError):  # of something written in C
        return name != "patch_size"
    named = [one.name for one in parameters.values() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    return name in named or (name != "patch_size" and any(one.kind is one.VAR_KEYWORD for one in parameters.values()))
