"""Values of a saved configuration are held to the types of their fields."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from utils.errors import UserError
from utils.fields import read_fields


@dataclass(frozen=True)
class Example:
    number: int = 1
    share: float | None = None
    flag: bool = False
    place: Path | None = None
    kind: Literal["a", "b"] = "a"


def test_good_values_become_fields():
    values = {"number": 3, "share": 2, "flag": True, "place": "x/y", "kind": "b"}
    assert read_fields(Example, values) == Example(3, 2, True, Path("x/y"), "b")
    assert read_fields(Example, {"share": None, "place": None}) == Example()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"number": "3"}, "number = '3', expected int"),
        ({"number": True}, "number = 'True', expected int"),
        ({"number": 1.5}, "number = '1.5'"),
        ({"share": "1"}, "expected float | None"),
        ({"flag": 1}, "flag = '1', expected bool"),
        ({"place": 7}, "place = '7'"),
        ({"kind": "c"}, "kind = 'c'"),
        ({"kind": ["a"]}, "kind = "),
        ({"number": None}, "number = 'None'"),
        ({"other": 1}, "'other'"),
        ([1], "expected fields and values"),
    ],
)
def test_a_value_of_another_kind_is_named(values, words):
    with pytest.raises(UserError, match=f"^[^\n]*{re.escape(words)}"):
        read_fields(Example, values)
