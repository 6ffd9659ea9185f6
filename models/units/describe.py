"""What can be cut in a network: the unit groups of every block of a known family."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from models.errors import UserError
from models.networks.own import own_network
from models.units.across.registry import groups_across
from models.units.base import Family, UnitGroup
from models.units.families.attention import ATTENTION
from models.units.families.beit import BEIT_ATTENTION
from models.units.families.bottleneck import OTHER_BOTTLENECKS
from models.units.families.conv_mlp import CONV_MLP
from models.units.families.glu import GEGLU, GLU_MLP, SWIGLU
from models.units.families.inverted_residual import INVERTED_RESIDUAL
from models.units.families.mlp import MLP
from models.units.families.never_cut import NEVER_CUT
from models.units.families.regnet import REGNET_BOTTLENECK
from models.units.families.resnet import BASIC_BLOCK, BOTTLENECK
from models.units.families.rotary import EVA_ATTENTION, ROPE_ATTENTION
from models.units.families.swin import WINDOW_ATTENTION
from models.units.families.swin_v2 import WINDOW_ATTENTION_V2
from models.units.families.twist import TWIST_BLOCK
from models.units.families.two_convolutions import TWO_CONVOLUTIONS
from models.units.lookalikes import kind_of_lookalike
from models.units.own import own_units, says_units
from models.units.structure import Kind
from models.units.traced.plan import Plan

FAMILIES: tuple[Family, ...] = (
    *(ATTENTION, WINDOW_ATTENTION, WINDOW_ATTENTION_V2, BEIT_ATTENTION, EVA_ATTENTION, ROPE_ATTENTION),
    *(MLP, GLU_MLP, SWIGLU, GEGLU, CONV_MLP),
    *(BASIC_BLOCK, BOTTLENECK, REGNET_BOTTLENECK, OTHER_BOTTLENECKS, TWO_CONVOLUTIONS),
    *(INVERTED_RESIDUAL, TWIST_BLOCK),
    *NEVER_CUT,
)
"""Every family of blocks; a new one is a file beside this one and a name here."""


def describe(model: nn.Module, kinds: Collection[Kind] = ()) -> tuple[UnitGroup, ...]:
    """The groups of `model` as it stands, dense or compact, in the order of its modules.

    Those that the network says itself, where it does (`models/units/own.py`). Else those of blocks, always, and in a network
    of a user's own what was found by following its forward pass (`models/units/traced/`). Behind them those of `kinds` that
    lie across blocks (`models/units/across/`), where it has them.

    What is of a known family but cannot be cut exactly is left whole (`left_whole` says why, `reach_of` with the share of
    each).

    Raises:
        UserError: nothing in the network can be pruned; the message says what was looked at and why not.
    """
    if says_units(model):
        return own_units(model)
    groups: list[UnitGroup] = []
    plan = own_plan(model)
    own = {} if plan is None else {one.name: one for one in plan.found}
    for name, module in model.named_modules():
        family = family_of(module)
        if family is not None and family.is_one(module) and why_whole(family, module, model) is None:
            groups.extend(family.groups_of(name, module))
        if name in own:
            groups.append(own[name].group(model))
    groups.extend(groups_across(model, kinds))
    if groups:
        return tuple(groups)
    if plan is not None:
        raise _none_in(model, plan)
    unknown = {type(module).__name__ for _, module in model.named_modules() if _is_unknown(module)}
    found = "; ".join(sorted(set(left_whole(model).values()) | unknown)) or "no attention, MLP or ResNet block"
    raise UserError(
        f"model {_model_name(model)}: nothing in it can be pruned (found: {found}); "
        "choose a network of the ViT/DeiT or ResNet family, or another whose units docs/networks.md names"
    )


def own_plan(model: nn.Module) -> Plan | None:
    """What was found in a network of a user's own; None for ours and timm's, and where it says its units itself."""
    if own_network(model) is None:
        return None
    # Tracing asks for families, which are described here.
    from models.units.traced.finding import plan_of

    return plan_of(model)


def _none_in(model: nn.Module, plan: Plan) -> UserError:
    """For a network of a user's own."""
    reasons = sorted(set(left_whole(model).values()) | {one.reason for one in plan.whole.values()})
    if plan.untraced is not None:
        reasons.append(untraced_words(plan))
    return UserError(
        f"model {_model_name(model)}: nothing in it can be pruned (found: {'; '.join(reasons) or 'no layers'}); "
        "docs/extending.md has what is found; one of your own says its units in a method units()",
        key="model.arch",
    )


def untraced_words(plan: Plan) -> str:
    """Why only what is known by name was found."""
    return f"torch.fx cannot follow its forward pass: {plan.untraced}; units() can name them"


def left_whole(model: nn.Module) -> dict[str, str]:
    """Module name → why it is not pruned, for modules of a known class that cannot be cut exactly."""
    reasons: dict[str, str] = {}
    if says_units(model):
        return reasons
    for name, module in model.named_modules():
        family = family_of(module)
        reason = why_whole(family, module, model) if family is not None and family.is_one(module) else None
        if reason is not None:
            reasons[name] = reason
    return reasons


def why_whole(family: Family, block: nn.Module, model: nn.Module) -> str | None:
    """Why this block of the family cannot be cut exactly within `model`, or None."""
    return family.why_whole(block) or family.why_whole_in(model)


def _is_unknown(module: nn.Module) -> bool:
    return family_of(module) is None and kind_of_lookalike(module) is not None


def family_of(module: nn.Module) -> Family | None:
    """The family that the module's very class belongs to; None for every other module."""
    return next((family for family in FAMILIES if type(module) in family.classes), None)


def _model_name(model: nn.Module) -> str:
    """timm's name of the architecture where the model carries one, else its class."""
    config = getattr(model, "pretrained_cfg", None) or {}
    return str(config.get("architecture") or type(model).__name__)
