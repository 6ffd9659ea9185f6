"""What each method and each criterion is, and RSST's settings: all that can be known of them without loading torch.

A new method is one `register_method` line here and one class in `methods/`; a new criterion is one `register_criterion`
line and one function in `importance/`. A user's own are named by reference, and asked what they are when they are imported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from models.own_parts import OwnPart, Registry, wrong_part
from models.section import Section
from models.units.structure import BASIC, KINDS, UNREAD, Kind

Curve = Literal["x", "x^2", "x^3", "exp", "exp_custom", "exp_custom_exponents"]
Coupling = Literal["decoupled", "gradient"]


@dataclass(frozen=True)
class MethodTraits:
    """What distinguishes a method from Refill, whose traits are the defaults."""

    name: str
    planner: str | Callable[[MethodTraits], Any] = "pruning.methods.base:RemoveAtOnce"
    """The class that acts: as `module:Class`, loaded when a trial needs it, or a user's own, itself."""
    is_control: bool = False
    """A reference that others are compared to: it is never stopped early."""
    makes_smaller: bool = True
    """Units are scored, selected and removed, so that the trial's own network becomes smaller state by state."""
    masks: bool = False
    """Single weights are masked instead: the network stays as large as it was."""
    shrinks: bool = False
    """The units that are to go stay for a while and are made smaller first."""
    from_scratch: bool = False
    """The trial starts from random weights in the final structure of another arm's trial."""
    criterion: str | None = None
    """Replaces the trial's criterion."""
    schedule: str | None = None
    """Replaces the trial's schedule kind."""

    @property
    def acts(self) -> str:
        """What acts, in one text."""
        return self.planner if isinstance(self.planner, str) else self.name

    @property
    def ends_small(self) -> bool:
        """Whether the trial's states are smaller networks, made by itself or taken over."""
        return self.makes_smaller or self.from_scratch

    @property
    def needs_units(self) -> bool:
        """Whether the network must have units of the trial's target."""
        return self.ends_small or self.masks


def _own_method(part: OwnPart) -> MethodTraits:
    """Of a subclass of `Method`, whose `traits`, if its body has them, say how it differs from Refill; or traits alone."""
    value, name = part.value, part.origin.reference
    if isinstance(value, MethodTraits):
        return replace(value, name=name)
    if isinstance(value, type) and callable(getattr(value, "plan", None)):
        traits = vars(value).get("traits", MethodTraits(name))
        if isinstance(traits, MethodTraits):
            return replace(traits, name=name, planner=value)
    raise wrong_part("prune.method", part, "a subclass of pruning.methods.Method or a MethodTraits")


METHODS: Registry[MethodTraits] = Registry("methods", "prune.method", _own_method)
"""Name → traits, in the order of registration."""

DEFAULT_METHOD = "refill"


def register_method(traits: MethodTraits) -> None:
    """Make a method known: studies may name it from now on. ValueError where its name is taken."""
    METHODS.register(traits.name, traits)


def traits_of(method: str | None) -> MethodTraits:
    """A method's traits; Refill's where nothing is known of the name here, or it is None.

    None is a method that is searched. One of a user's is known once it was imported, or told by a run that was read; a record
    may name a method of an installation that has more of them. A trial that is to run asks `get_method`, which refuses.
    """
    name = method or ""
    return METHODS.if_imported(name) or _RECORDED.get(name) or MethodTraits(name)


_RECORDED: dict[str, MethodTraits] = {}


def take_recorded(traits: MethodTraits) -> None:
    """Know a user's method by what a run's files say of it."""
    _RECORDED[traits.name] = traits


REMOVE_NOTHING = "pruning.methods.base:RemoveNothing"

register_method(MethodTraits("refill"))
register_method(MethodTraits("rsst", "pruning.methods.rsst:Rsst", shrinks=True))
register_method(MethodTraits("dense", REMOVE_NOTHING, is_control=True, makes_smaller=False))
register_method(MethodTraits("random", is_control=True, criterion="random"))
register_method(MethodTraits("one_shot", is_control=True, schedule="one_shot"))
register_method(MethodTraits("scratch", REMOVE_NOTHING, is_control=True, makes_smaller=False, from_scratch=True))
register_method(MethodTraits("imp", REMOVE_NOTHING, is_control=True, makes_smaller=False, masks=True))


@dataclass(frozen=True)
class CriterionTraits:
    """How units are scored, and what that needs."""

    name: str
    scorer: str | Callable[[Any], Any]
    """The function that scores: as `module:function`, loaded when a trial needs it, or a user's own, itself."""
    needs_batches: bool = False
    needs_loss: bool = False
    needs_masks: bool = False
    needs_generator: bool = False
    comparable: bool = False
    """Scores of groups of different shapes mean the same, such as a loss; a sum over weights grows with their number."""
    judges: tuple[Kind, ...] = BASIC
    """The kinds of units that it can score: all by weights and gradients, those that a layer takes in by its inputs, and those
    whose units hold alike weights by comparing these."""


NEEDS = ("needs_batches", "needs_loss", "needs_masks", "needs_generator", "comparable")


def _own_criterion(part: OwnPart) -> CriterionTraits:
    """Of a function of evidence to scores, whose attributes say what it needs; or of traits that have such a function."""
    value, name = part.value, part.origin.reference
    if isinstance(value, CriterionTraits):
        return replace(value, name=name)
    if not callable(value) or isinstance(value, type):
        raise wrong_part("prune.criterion", part, "a function of pruning.importance.Evidence or a CriterionTraits")
    needs = {key: bool(getattr(value, key, False)) for key in NEEDS}
    return CriterionTraits(name, value, judges=tuple(getattr(value, "judges", KINDS)), **needs)


CRITERIA: Registry[CriterionTraits] = Registry("criteria", "prune.criterion", _own_criterion)
"""Name → traits, in the order of registration."""

DEFAULT_CRITERION = "magnitude"


def register_criterion(traits: CriterionTraits) -> None:
    """Make a criterion known: studies may name it from now on. ValueError where its name is taken."""
    CRITERIA.register(traits.name, traits)


READ = tuple(kind for kind in KINDS if kind not in UNREAD)
ALIKE = tuple(kind for kind in KINDS if kind not in ("branch", "interaction"))
IMPORTANCE = "pruning.importance"
WEIGHTS, ACTIVATIONS = f"{IMPORTANCE}.weights", f"{IMPORTANCE}.activations"

register_criterion(CriterionTraits("magnitude", f"{WEIGHTS}:magnitude", judges=KINDS))
register_criterion(CriterionTraits("l2", f"{WEIGHTS}:l2", judges=KINDS))
register_criterion(CriterionTraits("activation_l1", f"{ACTIVATIONS}:activation_l1", needs_batches=True, judges=READ))
register_criterion(CriterionTraits("activation_l2", f"{ACTIVATIONS}:activation_l2", needs_batches=True, judges=READ))
register_criterion(CriterionTraits("wanda", f"{IMPORTANCE}.wanda:wanda", needs_batches=True, judges=READ))
register_criterion(
    CriterionTraits(
        "taylor",
        f"{IMPORTANCE}.taylor:taylor",
        needs_batches=True,
        needs_loss=True,
        comparable=True,
        judges=KINDS,
    )
)
register_criterion(
    CriterionTraits(
        "taylor_group",
        f"{IMPORTANCE}.taylor_group:taylor_group",
        needs_batches=True,
        needs_loss=True,
        comparable=True,
        judges=KINDS,
    )
)
register_criterion(
    CriterionTraits(
        "fisher", f"{IMPORTANCE}.fisher:fisher", needs_batches=True, needs_loss=True, comparable=True, judges=READ
    )
)
register_criterion(CriterionTraits("fpgm", f"{IMPORTANCE}.fpgm:fpgm", judges=ALIKE))
register_criterion(CriterionTraits("obs", f"{IMPORTANCE}.obs:obs", needs_batches=True, comparable=True, judges=READ))
register_criterion(
    CriterionTraits(
        "reconstruction",
        f"{IMPORTANCE}.reconstruction:reconstruction",
        needs_batches=True,
        comparable=True,
        judges=READ,
    )
)
register_criterion(CriterionTraits("remain", f"{WEIGHTS}:remain", needs_masks=True))
register_criterion(CriterionTraits("random", f"{WEIGHTS}:random", needs_generator=True, comparable=True, judges=KINDS))


DEFAULT_SHRINK = 1e-3
DEAREST_REMOVAL = 0.01
"""Validation accuracy, in [0, 1], that the removal of shrunk units may cost: one point. Above it the penalty did not act."""


def is_dear(before: float, after: float) -> bool:
    """Whether a removal cost more than a point of validation accuracy, both in [0, 1]; rounding aside."""
    return before - after > DEAREST_REMOVAL + 1e-9


class RsstConfig(Section):
    """The growing penalty of method `rsst`; strength is `shrink` or `lambda_max`, never both.

    Where neither is given, `shrink` is 1e-3.
    """

    curve: Curve = "x"
    """How the penalty grows over the ramp."""
    exponent: float = Field(2.0, gt=0)
    """p of `exp_custom_exponents`."""
    shrink: Annotated[float, Field(gt=0, lt=1)] | None = None
    """What the penalty alone leaves of the dropped weights by the ramp's end; 1e-3 where `lambda_max` is not given either."""
    lambda_max: Annotated[float, Field(gt=0)] | None = None
    """The penalty's strength at the end of the ramp."""
    coupling: Coupling = "decoupled"
    """Shrink weights directly, or through the gradient as in the papers."""
    ramp: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the state's steps over which the penalty grows."""
    hold: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the state's steps it then stays at full strength, before removal; the rest recovers."""

    @model_validator(mode="after")
    def _one_strength(self) -> Self:
        if self.shrink is not None and self.lambda_max is not None:
            raise ValueError("give shrink or lambda_max, not both")
        if self.coupling == "gradient" and self.lambda_max is None:
            raise ValueError("coupling: gradient needs lambda_max; shrink is for the decoupled penalty")
        if self.ramp + self.hold > 1 + 1e-9:
            raise ValueError(f"ramp + hold must be at most 1, found {self.ramp + self.hold:g}")
        return self

    @property
    def effective_shrink(self) -> float:
        """The shrink in force where there is no lambda_max: as given, or 1e-3."""
        return DEFAULT_SHRINK if self.shrink is None else self.shrink
