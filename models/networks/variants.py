"""Names that a user would type for a network with certain arguments: its ablations, and the control of a comparison.

A name is resolved to architecture and arguments before anything is built or recorded, so that the same network is the same
however it was asked for: a file of weights made under one way fits the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.errors import UserError
from models.spec import ModelSpec


@dataclass(frozen=True)
class Variant:
    """What a name stands for."""

    arch: str
    args: Mapping[str, Any] = field(default_factory=dict)


VARIANTS: dict[str, Variant] = {
    "twistnet18_no_spiral": Variant("twistnet18", {"no_spiral": True}),
    "twistnet18_no_ais": Variant("twistnet18", {"no_ais": True}),
    "twistnet18_first_order": Variant("twistnet18", {"first_order": True}),
    "twistnet18_full_pairs": Variant("twistnet18", {"pairs": "full"}),
    # The published ablation "first order" has no heads left: it is this network.
    "resnet18": Variant("timm:resnet18"),
}
PLAIN: dict[str, Mapping[str, Any]] = {
    "twistnet18": {"no_spiral": False, "no_ais": False, "first_order": False, "pairs": "upper"}
}
"""The arguments that change nothing, of architectures whose networks have names."""


def resolve_name(arch: str, args: Mapping[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    """The architecture and the arguments that `arch` with further `args` stands for.

    Raises:
        UserError: an argument contradicts the name.
    """
    given = dict(args or {})
    variant = VARIANTS.get(arch)
    if variant is None:
        return arch, given
    for key, value in variant.args.items():
        if key in given and given[key] != value:
            raise UserError(
                f"{given[key]!r} contradicts the name {arch}, which means {key}: {value!r}; leave the key out, or name "
                f"{variant.arch} and say which arguments",
                key=f"model.args.{key}",
            )
    return variant.arch, {**given, **variant.args}


def name_of(spec: ModelSpec) -> str | None:
    """What a user would type for the network of `spec`: the architecture, or its name for these arguments; else None."""
    told = own_args(spec)
    if not told:
        return _named(spec.arch, {}) or spec.arch
    return _named(spec.arch, told)


def known_as(arch: str, args: Mapping[str, Any] | None = None) -> str:
    """One text for one network, whether asked for by name or by arguments; a network without a name has its arguments in
    it. `resnet18` and `timm:resnet18` stay two: only the first is looked up on this machine."""
    if arch in VARIANTS and not VARIANTS[arch].args and not args:
        return arch
    resolved, given = resolve_name(arch, args)
    told = own_args(ModelSpec(resolved, 1, 1, 1, None, given))
    if name := _named(resolved, told) if told else None:
        return name
    return f"{resolved} with {', '.join(f'{key}: {told[key]!r}' for key in sorted(told))}" if told else resolved


def is_looked_up(arch: str) -> bool:
    """Whether weights of `arch`, as a user has typed it, are looked for on this machine."""
    return arch in PLAIN or arch in VARIANTS


def own_args(spec: ModelSpec) -> dict[str, Any]:
    """The arguments of `spec` without those that only say what holds anyway."""
    plain = PLAIN.get(spec.arch, {})
    return {key: value for key, value in spec.args.items() if key not in plain or plain[key] != value}


def _named(arch: str, args: Mapping[str, Any]) -> str | None:
    return next((name for name, one in VARIANTS.items() if one.arch == arch and dict(one.args) == dict(args)), None)
