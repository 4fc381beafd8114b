"""Resolution: script < site < project < group < image < batch, each layer checked."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryobatch.errors import ParameterError, UnknownNameError
from cryobatch.model import Parameter, ParameterValue
from cryobatch.model.batch import ParameterSet
from cryobatch.model.resolution import LAYERS, parse_assignments, resolve_parameters
from tests.model.scripts import make

FIT = replace(
    make("fit"),
    parameters={
        "low": Parameter("Å", low=5, high=100, default=30.0),
        "mode": Parameter(kind="str", default="fast"),
        "size": Parameter(kind="int", optional=True),
    },
)


def test_the_layers_are_named_from_the_weakest_to_the_strongest() -> None:
    """As the design has them."""
    assert LAYERS == ("site", "project", "group", "image", "batch")


@given(st.lists(st.none() | st.floats(5, 100), min_size=5, max_size=5))
def test_the_strongest_layer_that_says_something_wins(said: list[float | None]) -> None:
    """And the script's own default where none does."""
    layers = [{} if value is None else {"fit": {"low": value}} for value in said]
    spoken = [value for value in said if value is not None]
    assert resolve_parameters(FIT, layers)["low"] == (spoken[-1] if spoken else 30.0)


def test_layers_override_parameter_by_parameter() -> None:
    """A stronger layer that sets one leaves the others of the weaker."""
    resolved = resolve_parameters(FIT, [{"fit": {"low": 10, "size": 4}}, {"fit": {"low": 20}}])
    assert resolved == {"low": 20.0, "mode": "fast", "size": 4}


def test_a_parameter_of_another_script_changes_nothing() -> None:
    """Sets of parameters hold those of many scripts."""
    assert resolve_parameters(FIT, [{"other": {"low": 10.0}}])["low"] == 30.0


def test_none_takes_a_weaker_layers_value_back() -> None:
    """TOML has no word for it, so it is written as a text."""
    layers: list[ParameterSet] = [{"fit": {"size": 4}}, {"fit": {"size": "none"}}]
    assert resolve_parameters(FIT, layers)["size"] is None


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (0, r"correct \[parameters\.fit\] in site\.toml"),
        (1, r"correct \[parameters\.fit\] in project\.toml$"),
        (2, r"correct \[parameters\.fit\] in group\.toml of the image's group$"),
        (3, r"correct \[parameters\.fit\] in image\.toml of the image$"),
        (4, r"given for the batch itself: submit the image again"),
    ],
)
def test_an_error_names_the_file_that_it_comes_from(layer: int, words: str) -> None:
    """And the table of it: else a person looks for it in five places."""
    wrong: list[dict[str, dict[str, ParameterValue]]] = [{} for _ in range(5)]
    wrong[layer] = {"fit": {"low": 1}}
    with pytest.raises(ParameterError, match=rf"fit\.low = 1.*; .*{words}"):
        resolve_parameters(FIT, wrong)
    wrong[layer] = {"fit": {"lwo": 10}}
    with pytest.raises(ParameterError, match=rf"'lwo'; known: low.*; .*{words}"):
        resolve_parameters(FIT, wrong)


def test_assignments_of_a_command_line_become_a_parameter_set() -> None:
    """Typed by the script's declaration; spaces around do not matter."""
    texts = ["fit.low=12", " fit.mode = very exact ", "fit.size=none"]
    parsed = parse_assignments(texts, {"fit": FIT})
    assert parsed == {"fit": {"low": 12.0, "mode": "very exact", "size": "none"}}
    assert resolve_parameters(FIT, [{"fit": {"size": 4}}, parsed])["size"] is None


@pytest.mark.parametrize("text", ["fit.low", "low=3", "=3", "fit=3"])
def test_an_assignment_of_another_shape_is_refused(text: str) -> None:
    """The message shows the shape."""
    with pytest.raises(ParameterError, match=r"write SCRIPT\.PARAMETER=VALUE"):
        parse_assignments([text], {"fit": FIT})


def test_unknown_names_in_an_assignment_are_answered_with_the_nearest() -> None:
    """Both of scripts and of parameters."""
    with pytest.raises(UnknownNameError, match="no script is called 'fti'; known: fit"):
        parse_assignments(["fti.low=3"], {"fit": FIT})
    with pytest.raises(UnknownNameError, match="no parameter of fit is called 'lo'; known: low"):
        parse_assignments(["fit.lo=3"], {"fit": FIT})
