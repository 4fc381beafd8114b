"""A script that keeps the result contract, or breaks it in one of many ways."""

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np

from cryobatch.errors import BadInput
from cryobatch.formats.mrc import write_image
from cryobatch.model import Absent, Output, Parameter, Run, Script, Value, script
from cryobatch.model.declaration import declared_script


@script(
    category="Share",
    outputs={"report": "report.txt", "image": Output("image.mrc", optional=True)},
    values={
        "length": Value("Å", low=0, high=10),
        "count": Value(kind="int"),
        "note": Value(kind="text", optional=True),
    },
)
def odd(run: Run, *, behaviour: Annotated[str, Parameter()] = "keeps") -> object:
    """Do as it is told."""
    run.output("report").write_text("all is well")
    found: dict[str, object] = {"length": 5.0, "count": 3, "note": Absent("nothing to say")}
    act = BEHAVIOURS.get(behaviour)
    answer = act(run, found) if act else None
    return found if answer is None else answer


def _write_image(run: Run, found: dict[str, object]) -> None:
    write_image(run.output("image"), np.ones((4, 6), np.float32), pixel_size_angstrom=1.0)


def _cut_image(run: Run, found: dict[str, object]) -> None:
    _write_image(run, found)
    path = run.output("image")
    path.write_bytes(path.read_bytes()[:-10])


def _link_report(run: Run, found: dict[str, object]) -> None:
    path = run.output("report")
    elsewhere = run.workspace / "elsewhere.txt"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def _make_folder(run: Run, found: dict[str, object]) -> None:
    run.output("report").unlink()
    run.output("report").mkdir()


def _speak(run: Run, found: dict[str, object]) -> None:
    print("printed by Python")
    print("an error of Python", file=sys.stderr)
    os.write(1, b"written past Python\n")
    ctypes.CDLL(None).puts(b"printed by C")
    ctypes.CDLL(None).fflush(None)
    os.system("echo said by a child")


def _raise(run: Run, found: dict[str, object]) -> None:
    raise ValueError("the seventh number is odd")


def _exhaust(run: Run, found: dict[str, object]) -> None:
    raise MemoryError("Unable to allocate 7.0 GiB")


def _fill(run: Run, found: dict[str, object]) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "/scratch/stack.mrc")


def _fill_and_explain(run: Run, found: dict[str, object]) -> None:
    try:
        _fill(run, found)
    except OSError as error:
        raise BadInput("the stack cannot be written") from error


def _give(**values: object) -> "Behaviour":
    return lambda _run, found: found.update(values)


Behaviour = Callable[[Run, dict[str, object]], object]

BEHAVIOURS: dict[str, Behaviour] = {
    "no output": lambda run, _: run.output("report").unlink(),
    "empty output": lambda run, _: run.output("report").write_text("") or None,
    "folder as output": _make_folder,
    "link as output": _link_report,
    "whole image": _write_image,
    "cut image": _cut_image,
    "text as image": lambda run, _: [None, run.output("image").write_text("no pixels")][0],
    "no value": lambda _, found: found.pop("length") and found,
    "too much": _give(length=11.0),
    "not a number": _give(length=float("nan")),
    "a list": _give(length=[1.0]),
    "half a thing": _give(count=2.5),
    "absent without leave": _give(length=Absent("I did not look")),
    "absent without reason": _give(note=Absent(" ")),
    "undeclared": _give(size=1.0),
    "numpy's numbers": _give(length=np.float32(2.5), count=np.int64(7), note="fine"),
    "nothing at all": lambda _run, _found: [],
    "speaks": _speak,
    "raises": _raise,
    "exhausts memory": _exhaust,
    "fills the disk": _fill,
    "fills it and explains": _fill_and_explain,
    "leaves": lambda _run, _found: sys.exit(3),
    "goes elsewhere": lambda _run, _found: os.chdir("/"),
    "odd message": lambda run, _: run.message("hm", level="shout"),
    "message": lambda run, _: run.message("a word", level="warning"),
    "works aside": lambda run, _: (Path(run.workspace) / "aside").mkdir(),
}


def odd_script() -> Script:
    """Return the script's declaration."""
    found = declared_script(odd)
    assert found is not None
    return found
