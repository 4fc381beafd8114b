"""Values: in range, or absent with a reason; anything else is the script's failure."""

import math

import numpy as np
import pytest

from cryobatch.errors import ContractError
from cryobatch.model import Absent, Value

DEFOCUS = Value("Å", low=0, high=150_000)
OPTIONAL = Value("°", optional=True)
COUNT = Value(kind="int", low=0)
TEXT = Value(kind="text")


@pytest.mark.parametrize(
    ("declared", "given", "taken"),
    [
        (DEFOCUS, 0, 0.0), (DEFOCUS, 150_000.0, 150_000.0), (DEFOCUS, np.float32(2.5), 2.5),
        (DEFOCUS, "12.5", 12.5), (COUNT, 7, 7), (COUNT, 7.0, 7), (COUNT, np.int64(7), 7),
        (COUNT, 2**60 + 1, 2**60 + 1), (TEXT, "42", "42"), (TEXT, "", ""),
        (OPTIONAL, Absent("not searched"), Absent("not searched")),
    ],
)  # fmt: skip
def test_a_result_comes_in_the_values_own_type(
    declared: Value, given: object, taken: object
) -> None:
    """Numpy's scalars and an executable's words are the numbers they mean; bounds are inclusive."""
    checked = declared.check(given, "fit.value")
    assert checked == taken
    assert type(checked) is type(taken)


@pytest.mark.parametrize(
    ("declared", "given", "why"),
    [
        (DEFOCUS, -0.1, "outside 0 to 150000 Å"), (DEFOCUS, 1e6, "outside"),
        (DEFOCUS, math.nan, "is nan"), (DEFOCUS, math.inf, "is inf"), (DEFOCUS, None, "a number"),
        (DEFOCUS, "far", "a number"), (DEFOCUS, Absent("no rings"), "must have a value.*no rings"),
        (OPTIONAL, Absent(""), "without a reason"), (OPTIONAL, Absent("  "), "without a reason"),
        (COUNT, 7.5, "a whole number"), (COUNT, -1, "outside"), (TEXT, 42, "a text"),
    ],
)  # fmt: skip
def test_a_result_against_the_declaration_is_refused(
    declared: Value, given: object, why: str
) -> None:
    """The message names the value and says what is wrong with it."""
    with pytest.raises(ContractError, match=rf"fit\.value.*{why}"):
        declared.check(given, "fit.value")
