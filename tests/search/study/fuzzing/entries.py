"""Entries of a study file: any key with a value, what the space may say of one, and both as `--set` has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from search.config_file import yaml_file
from search.space.parameter import NAMES
from tests.search.study.fuzzing.schema_values import KEYS_OF_STUDY, KEYS_OF_TRIAL, ODD_VALUES, values_of_key
from tests.search.study.fuzzing.texts import PIECES, SCALARS

Draw = Callable[[st.SearchStrategy[Any]], Any]
ODD_KEYS = (
    "", ".", "..", "trial", "trial.", "arms", "arms.", "space", "space.", "name", "é", "search.", "\0", "trial..lr",
    "trial.model.args.", "trial.model.args.a.b", "provenance", "provenance.x", "search.seeds.0",
)  # fmt: skip


@st.composite
def settings(draw: Draw) -> tuple[str, Any]:
    """A dotted key of a study file, and a value."""
    key = draw(st.sampled_from((*KEYS_OF_STUDY, *(f"trial.{one}" for one in KEYS_OF_TRIAL))))
    return key, draw(values_of_key(key))


@st.composite
def distributions(draw: Draw, key: str, arms: tuple[str, ...]) -> Any:
    """What the space may say of a key of the trial, mostly with the key's own values."""
    if not draw(st.integers(0, 9)):
        return draw(ODD_VALUES)
    name = draw(st.sampled_from(NAMES))
    count = {"quniform": 3}.get(name, 2) if name not in ("choice", "grid") else draw(st.integers(1, 3))
    values = [draw(values_of_key(f"trial.{key}")) for _ in range(count)]
    if name not in ("choice", "grid") and draw(st.integers(0, 3)):
        values = sorted(value if isinstance(value, int | float) else 1 for value in values)
    spec: dict[str, Any] = {name: values}
    if not draw(st.integers(0, 3)):
        spec["step"] = draw(st.sampled_from([1, 0.1, 0, -1, 1e-9, 1e30, None, "x"]))
    if not draw(st.integers(0, 3)):
        spec["arms"] = draw(st.sampled_from([*arms, [arms[0]], [], None, 3]))
    if not draw(st.integers(0, 3)):
        other = draw(st.sampled_from(KEYS_OF_TRIAL))
        spec["when"] = {other: draw(values_of_key(f"trial.{other}"))}
    return [spec, {**spec, "when": {"prune.method": "rsst"}}] if not draw(st.integers(0, 9)) else spec


@st.composite
def options(draw: Draw) -> str:
    """A `--set` with the value of a key, or with an odd text in place of the key or the value."""
    key, value = draw(settings())
    where = draw(st.integers(0, 9))
    if where < 2:
        key = f"arms.{draw(st.sampled_from(['refill', 'rsst', 'nobody', '']))}.{key.removeprefix('trial.')}"
    elif where < 4:
        key = f"space.{key.removeprefix('trial.')}"
        value = draw(distributions(key.removeprefix("space."), ("refill", "rsst"))) if draw(st.booleans()) else value
    elif where < 5:
        key = draw(st.sampled_from(ODD_KEYS))
    if draw(st.integers(0, 3)):
        text = (
            yaml_file.dump(value).removesuffix("\n").removesuffix("\n...")
            if not isinstance(value, dict | list)
            else _flow(value)
        )
    else:
        text = draw(st.one_of(st.sampled_from(SCALARS), st.sampled_from(PIECES), st.text(max_size=5)))
    return f"{key}={text}" if draw(st.integers(0, 19)) else key


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return yaml_file.dump(value).removesuffix("\n").removesuffix("\n...")
