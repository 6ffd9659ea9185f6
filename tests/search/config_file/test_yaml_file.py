"""YAML as study files have it: safe, with lines, without YAML 1.1's surprises."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from search.config_file.yaml_file import dump, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-3", 1e-3),
        ("1.0e-3", 1e-3),
        ("-.5", -0.5),
        ("off", "off"),
        ("no", "no"),
        ("true", True),
        ("010", 10),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("~", None),
        ("1_000", "1_000"),
    ],
)
def test_a_scalar_is_what_it_looks_like(text: str, expected: Any) -> None:
    found = parse(f"key: {text}", "f.yaml").content["key"]
    assert found == expected
    assert type(found) is type(expected)


def test_every_key_and_position_has_its_line() -> None:
    lines = parse("a:\n  b: [1,\n    2]\nc: {d: 1}\n", "f.yaml").lines
    assert (lines[("a",)], lines[("a", "b")], lines[("a", "b", 1)], lines[("c", "d")]) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "f.yaml, line 4: b.c is given twice"),
        ("a: [1,\nb: 2\n", ": this is not YAML"),
        ("a: &x [*x]\n", "an alias refers to what it stands in"),
        ("a: !!python/object/apply:os.system [ls]\n", "line 1: this is not YAML"),
        ('a: 1\nb: "x\\0y"\n', "f.yaml, line 2: this is not YAML: found a NUL character"),
        ('"a\\0": 1\n', "f.yaml, line 1: this is not YAML: found a NUL character"),
        ("a: x\0y\n", "f.yaml: this is not YAML"),
        ("? [a]\n: 1\n", "line 1: a key must be a plain word"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(text: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text, "f.yaml")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_aliases_that_multiply_are_stopped() -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))
    with pytest.raises(UserError, match="aliases multiply"):
        parse(f"a0: &a0 [1]\n{levels}\n", "f.yaml")


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aeon1f-.:yt~ ")
    | st.sampled_from(["1e-3", "off", "yes", "null", "0x1f", "true", "2026-01-01", "1_0", "012"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_what_is_written_reads_back_equal(value: Any) -> None:
    again = parse(dump({"key": value}), "f.yaml").content["key"]
    assert again == value
    assert repr(again) == repr(value)


def test_infinity_reads_back() -> None:
    assert math.isinf(parse(dump({"key": math.inf}), "f.yaml").content["key"])


def test_what_is_written_looks_the_same_each_time() -> None:
    path = "/data/" + "long-name/" * 15
    text = dump({"root": path, "decay": 1e-5, "same": [{"a": 1}] * 2, "word": "off", "day": "2026-01-01"})
    expected = f"root: {path}\ndecay: 1.0e-05\nsame:\n- a: 1\n- a: 1\nword: off\nday: 2026-01-01\n"
    assert text == expected, "one line for a path, numbers that YAML 1.1 reads too, no anchors"


@pytest.mark.parametrize("text", ["%YAML 1.1\n---\nkey: off\n", "key: !!str off\n", "other: &a off\nkey: *a\n"])
def test_a_word_stays_a_word_however_it_is_written(text: str) -> None:
    assert parse(text, "f.yaml").content["key"] == "off"
