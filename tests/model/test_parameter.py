"""Parameters: typed, bounded, and read from a command line's text."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryobatch.errors import ParameterError
from cryobatch.model import Parameter, ParameterValue

RESOLUTION = Parameter("Å", low=5, high=100)
COUNT = Parameter(kind="int", low=0)
SWITCH = Parameter(kind="bool")
MODE = Parameter(kind="str", choices=("fast", "exact"))
GAIN = Parameter(kind="file", optional=True)


@pytest.mark.parametrize(
    ("parameter", "given_value", "taken"),
    [
        (RESOLUTION, 30, 30.0),
        (RESOLUTION, 5, 5.0),
        (RESOLUTION, 100.0, 100.0),
        (COUNT, 3.0, 3),
        (SWITCH, True, True),
        (MODE, "exact", "exact"),
        (GAIN, "gain.mrc", "gain.mrc"),
        (GAIN, None, None),
    ],
)
def test_a_value_comes_in_its_own_type(
    parameter: Parameter, given_value: ParameterValue, taken: ParameterValue
) -> None:
    """A whole number is a float where a float is declared, and bounds are inclusive."""
    checked = parameter.check(given_value, "script.name")
    assert checked == taken
    assert type(checked) is type(taken)


@pytest.mark.parametrize(
    ("parameter", "wrong"),
    [
        (RESOLUTION, 4.999), (RESOLUTION, 100.001), (RESOLUTION, math.nan), (RESOLUTION, "30"),
        (RESOLUTION, True), (RESOLUTION, None), (RESOLUTION, math.inf),
        (COUNT, 2.5), (COUNT, -1), (COUNT, True), (SWITCH, 1), (SWITCH, "yes"),
        (MODE, "slow"), (MODE, 1), (GAIN, 3),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_what_it_takes(
    parameter: Parameter, wrong: ParameterValue
) -> None:
    """The message names the parameter."""
    with pytest.raises(ParameterError, match=r"fit\.low"):
        parameter.check(wrong, "fit.low")


def test_the_error_says_what_would_be_right() -> None:
    """Bounds with their unit; choices; whether it may be left out."""
    with pytest.raises(ParameterError, match="a number from 5 to 100 Å"):
        RESOLUTION.check(200, "fit.low")
    with pytest.raises(ParameterError, match="one of fast, exact"):
        MODE.check("slow", "fit.mode")
    assert GAIN.describe() == "a file's path or none"


@pytest.mark.parametrize(
    ("parameter", "text", "taken"),
    [
        (RESOLUTION, "7.5", 7.5), (RESOLUTION, "1e1", 10.0), (COUNT, "12", 12),
        (SWITCH, "Yes", True), (SWITCH, "off", False), (SWITCH, "0", False), (MODE, "fast", "fast"),
        (GAIN, "a b.mrc", "a b.mrc"), (GAIN, "none", None), (GAIN, "", None),
    ],
)  # fmt: skip
def test_a_command_lines_text_is_read(
    parameter: Parameter, text: str, taken: ParameterValue
) -> None:
    """As a person types it."""
    assert parameter.parse(text, "script.name") == taken


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        (RESOLUTION, "ten"), (RESOLUTION, "nan"), (RESOLUTION, "none"), (COUNT, "1.5"),
        (SWITCH, "maybe"), (MODE, "Exact"),
    ],
)  # fmt: skip
def test_a_text_that_means_nothing_is_refused(parameter: Parameter, text: str) -> None:
    """And never guessed at."""
    with pytest.raises(ParameterError, match=r"script\.name"):
        parameter.parse(text, "script.name")


@given(st.floats(5, 100))
def test_a_number_survives_being_written_and_read(number: float) -> None:
    """To the last digit."""
    assert RESOLUTION.parse(repr(number), "x") == number


def test_a_choice_may_have_the_name_of_nothing() -> None:
    """Then the choice is meant."""
    mode = Parameter(kind="str", choices=("auto", "none"), optional=True)
    assert mode.parse("auto", "x") == "auto"
    assert mode.parse("none", "x") == "none"
    assert mode.parse("", "x") is None
