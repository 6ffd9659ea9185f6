"""The `train.distill:` section of a trial: learning from a teacher's outputs besides the labels."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from models.section import Section, described
from trainables.config.model import Arguments, InitConfig

DENSE = "dense"
TEACHER_KEY = "train.distill.teacher"
FORMS = "{init: {source: path, path: FILE}} or {arch: timm:NAME.TAG, init: {source: pretrained}}"


class TeacherConfig(Section):
    """An outside network to learn from, in the words of `trial.model`. It has to know the study's classes."""

    arch: str | None = None
    """As `model.arch`; may be left out where the file or the tag says it."""
    init: InitConfig
    """As `model.init`, but never `random` or `partial`."""
    args: Arguments = Field(default_factory=dict)
    """As `model.args`, for a file that does not say its network."""

    @field_validator("init")
    @classmethod
    def _is_trained(cls, init: InitConfig) -> InitConfig:
        if init.source == "random":
            raise ValueError(
                f"source: random is no teacher: nothing is learnt from an untrained network; name a trained one, {FORMS}"
            )
        if init.source == "partial":
            raise ValueError(
                f"source: partial is no teacher: a network that is trained in part knows no class; name a whole one, {FORMS}"
            )
        return init

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.init.source == "pretrained" and self.arch is None and not self.init.names_weights:
            raise ValueError("source: pretrained needs an arch or a tag; give one, such as arch: timm:NAME.TAG")
        if self.arch is not None and self.init.tag is not None:
            raise ValueError(f"arch {self.arch} and init.tag {self.init.tag} both name the network; leave arch out")
        return self


def _form(value: object) -> str:
    return DENSE if isinstance(value, str) else "section"


class DistillConfig(Section):
    """Distillation: part of the loss is how far the network's softened outputs are from a teacher's.

    Hinton et al. 2015.
    """

    weight: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Share of the loss that comes from the teacher; 0 switches it off."""
    temperature: float = Field(4.0, gt=0)
    """Softens both networks' outputs."""
    teacher: Annotated[
        Annotated[Literal["dense"], Tag(DENSE)] | Annotated[TeacherConfig, Tag("section")],
        Discriminator(_form),
        described("`dense`, or a section with `arch`, `init` and `args` as in `trial.model`"),
    ] = "dense"
    """`dense`: the trial's own network at the end of state 0, which teaches the states after it. Or an outside one, which
    teaches in every state, state 0 and the `scratch` control included: a state file or an export of this project, another
    weights file, or published weights, whose classes are the data's ([methods.md](methods.md#teachers))."""

    @field_validator("teacher", mode="before")
    @classmethod
    def _is_no_other_word(cls, value: Any) -> Any:
        if isinstance(value, str) and value != DENSE:
            raise ValueError(f"found {value!r}, expected dense, or an outside teacher such as {FORMS}")
        return value

    @property
    def outside(self) -> TeacherConfig | None:
        """The outside teacher that is learnt from; None where the teacher is the dense network, or nobody."""
        return self.teacher if self.weight > 0 and isinstance(self.teacher, TeacherConfig) else None
