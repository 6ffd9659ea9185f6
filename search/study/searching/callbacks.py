"""The key `callbacks` of a study file: a user's own objects, which are told how the study goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from models.names import nearest, suggestion
from models.own_parts import OwnPart, Registry, entry_point_names, wrong_part
from models.section import Section

HOOKS = ("on_study_start", "on_trial_start", "on_state_end", "on_trial_end", "on_study_end")
"""The methods that are called, where an object has them."""


def _own_callback(part: OwnPart) -> OwnPart:
    if any(callable(getattr(part.value, hook, None)) for hook in HOOKS):
        return part
    likely = {name: near for name in dir(part.value) if name.startswith("on_") and (near := nearest(name, HOOKS))}
    hint = "".join(f"; the nearest to its {name} is {near}" for name, near in likely.items())
    raise wrong_part("callbacks", part, f"an object or a class with any of {', '.join(HOOKS)}{hint}")


CALLBACKS: Registry[OwnPart] = Registry("callbacks", "callbacks", _own_callback)
"""Only ever a user's own."""


def _is_named(text: str) -> str:
    if text in CALLBACKS:
        return text
    near = suggestion(nearest(text, entry_point_names("callbacks")))
    raise ValueError(
        f"found {text!r}, expected module:object, path/to/file.py:object, or an entry point of prunetune.callbacks{near}"
    )


class CallbackConfig(Section):
    """One of a study's callbacks: `mine.py:tell`, or `{mine.py:Post: {url: …}}` with what its class is made with."""

    use: Annotated[str, AfterValidator(_is_named)]
    args: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"use": value}
        if isinstance(value, Mapping) and len(value) == 1 and "use" not in value:
            ((name, arguments),) = value.items()
            return {"use": name, "args": {} if arguments is None else arguments}
        return value

    def written(self) -> str | dict[str, Any]:
        """As a study file has it."""
        return {self.use: self.args} if self.args else self.use


Callbacks = tuple[CallbackConfig, ...]
