"""The decorator: a typed function declares all of itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest

from cryobatch import Absent, Optional, Output, Parameter, Run, Value, script
from cryobatch.errors import BrokenScriptError, ParameterError
from cryobatch.model import Input, Script
from cryobatch.model.declaration import declared_script
from cryobatch.model.script import Read, script_from_json, script_to_json


@script(
    category="Fit CTF",
    inputs=["a|b", "c?", Optional("d")],
    outputs={"x": "x.mrc", "y": Output("sub/y.mrc", optional=True)},
    values={"defocus": Value("Å", low=0, optional=True)},
    reads=["pixel_size", "voltage?"],
    medians=["defocus"],
    time_limit_s=60.0,
)
def fit_it_all(
    run: Run,
    *,
    low: Annotated[float, Parameter("Å", low=5, help="Where to begin.")] = 30,
    size: Annotated[int | None, Parameter(low=1)] = None,
    exact: Annotated[bool, Parameter()] = False,
    mode: Annotated[str, Parameter(choices=("a", "b"))] = "a",
    mask: Annotated[Path | None, Parameter()] = Path("mask.mrc"),
) -> dict[str, object]:
    """Do it all."""
    return {"defocus": Absent(f"{low} {size} {exact} {mode} {mask} {run}")}


def declared() -> Script:
    """Return what ``fit_it_all`` declares."""
    found = declared_script(fit_it_all)
    assert found is not None
    return found


def test_a_function_declares_itself() -> None:
    """Name, title, inputs in all ways of writing, outputs, reads, help."""
    found = declared()
    assert (found.name, found.title, found.category) == ("fit_it_all", "Fit it all", "Fit CTF")
    assert found.inputs == (Input(("a", "b")), Input(("c",), True), Input(("d",), True))
    assert found.outputs == {"x": Output("x.mrc"), "y": Output("sub/y.mrc", optional=True)}
    assert found.reads == (Read("pixel_size"), Read("voltage", True))
    assert (found.help, found.time_limit_s, found.medians) == ("Do it all.", 60.0, ("defocus",))


def test_the_kinds_of_parameters_come_from_the_annotations() -> None:
    """With ``| None`` one may be left out; a default comes in the parameter's type."""
    kinds = {n: (p.kind, p.optional, p.default) for n, p in declared().parameters.items()}
    assert kinds == {
        "low": ("float", False, 30.0),
        "size": ("int", True, None),
        "exact": ("bool", False, False),
        "mode": ("str", False, "a"),
        "mask": ("file", True, "mask.mrc"),
    }
    assert declared().parameters["low"].help == "Where to begin."


def test_the_function_stays_as_it_is() -> None:
    """It can be called and tested like any other."""
    assert fit_it_all(Run(Path("/nowhere")), low=7.0)["defocus"] is not None


def test_a_declaration_survives_the_way_to_a_processor() -> None:
    """Through JSON's types and back."""
    assert script_from_json(script_to_json(declared())) == declared()


def no_run() -> None:
    """Take no run."""


def positional(run: Run, low: Annotated[float, Parameter()] = 1.0) -> None:
    """Take a parameter before the star."""


def bare(run: Run, *, low: float = 1.0) -> None:
    """Annotate without a Parameter."""


def no_default(run: Run, *, low: Annotated[float, Parameter()]) -> None:
    """Give no default."""


def odd_type(run: Run, *, low: Annotated[list[int], Parameter()] = []) -> None:  # noqa: B006
    """Ask for what no settings file can hold."""


def two_types(run: Run, *, low: Annotated[int | str, Parameter()] = 1) -> None:
    """Ask for one of two types."""


@pytest.mark.parametrize("wrong", [no_run, positional, bare, no_default, odd_type, two_types])
def test_a_function_of_another_shape_is_refused(wrong: Callable[..., Any]) -> None:
    """The message names the function and how to write it."""
    with pytest.raises(BrokenScriptError, match=wrong.__name__):
        script(category="Share")(wrong)


def test_a_default_must_be_within_the_bounds() -> None:
    """Else the script could never run as it is."""

    def out_of_bounds(run: Run, *, low: Annotated[float, Parameter(low=5)] = 1.0) -> None:
        """Begin too low."""

    with pytest.raises(ParameterError, match=r"out_of_bounds\.low = 1"):
        script(category="Share")(out_of_bounds)


@pytest.mark.parametrize(
    "file", ["/etc/passwd", "../other/x.mrc", "a/../../x", "image.toml", "logs/x", ".lock", ""]
)
def test_an_output_stays_in_the_images_folder(file: str) -> None:
    """And away from what cryobatch keeps there."""
    with pytest.raises(BrokenScriptError, match="output"):
        script(category="Share", outputs={"x": file})(bare)


@pytest.mark.parametrize("wrong", ["two words", "a|", "", "?", "a-b"])
def test_an_input_is_named_like_a_product(wrong: str) -> None:
    """Other words are refused where they are written."""
    with pytest.raises(BrokenScriptError, match="input"):
        script(category="Share", inputs=[wrong])(bare)


def test_what_transforms_a_product_both_reads_and_makes_it() -> None:
    """And a script that makes nothing at all is not taken for a maker of transient products."""
    crop = Script("c", "C", "Prepare Stack", "1", "module", "m",
                  inputs=(Input(("stack",)),), outputs={"stack": Output("s")})  # fmt: skip
    assert crop.transforms == {"stack"}
    assert crop.only_transient
    assert not declared().only_transient
    assert not Script("copy", "Copy", "Share", "1", "module", "m").only_transient
