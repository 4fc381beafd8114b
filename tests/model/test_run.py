"""Runs: a script reaches what it declared, and is told when it asks for more."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cryobatch.errors import ContractError, UnknownNameError
from cryobatch.model import Run

FOLDER = Path("/work")
Message = Mapping[str, Any]


def test_the_first_input_that_is_there_is_given() -> None:
    """In the order in which the script names them."""
    run = Run(FOLDER, inputs={"micrograph": FOLDER / "m", "other": FOLDER / "o"})
    assert run.input("micrograph_unweighted", "micrograph", "other") == FOLDER / "m"
    assert run.has("other")
    assert not run.has("stack")
    with pytest.raises(ContractError, match=r"none of stack.*micrograph, other"):
        run.input("stack")


def test_only_declared_things_are_given(tmp_path: Path) -> None:
    """A typing error is answered with the nearest name."""
    run = Run(tmp_path, outputs={"picture": tmp_path / "thumbnails" / "p.jpg"}, reads={"cs": None})
    assert run.output("picture").parent.is_dir()
    assert run.read("cs") is None
    assert run.median("mean") is None
    with pytest.raises(UnknownNameError, match="'pictrue'; known: picture"):
        run.output("pictrue")
    with pytest.raises(UnknownNameError, match="'sc'; known: cs"):
        run.read("sc")


def test_progress_stays_between_nothing_and_all() -> None:
    """Whatever a script's arithmetic gives."""
    told: list[Message] = []
    run = Run(FOLDER, report=told.append)
    for fraction in (-1.0, 0.25, 7.0, float("nan")):
        run.progress(fraction)
    assert [message["fraction"] for message in told] == [0.0, 0.25, 1.0, 0.0]


def test_a_message_has_a_level_that_the_log_knows() -> None:
    """A script that invents one is told, and harms nobody else."""
    told: list[Message] = []
    run = Run(FOLDER, report=told.append)
    run.message("fine")
    run.message("hm", level="warning")
    with pytest.raises(UnknownNameError, match=r"'warn'; known: warning"):
        run.message("hm", level="warn")
    assert [(m["text"], m["level"]) for m in told] == [("fine", "info"), ("hm", "warning")]
