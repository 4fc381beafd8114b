"""Tables, durations and progress read well."""

import io
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from cryobatch.cli.display import Lines, describe_work, draw_slots, draw_work
from cryobatch.cli.layout import shorten
from cryobatch.cli.tables import align, describe, describe_duration, describe_number


def snapshot(**changed: object) -> Any:
    """Return what the daemon tells (Any: as much of it as the display reads)."""
    told = {"dispatcher": SimpleNamespace(trouble=None, slots=[]), "ended": 10, "failed": 0,
            "running": 2, "waiting": 28, "paused": False, "held": None, "import_trouble": None,
            "images_an_hour": 120.0,
            "seconds_left": 900.0}  # fmt: skip
    return cast(Any, SimpleNamespace(**{**told, **changed}))


def test_columns_are_aligned() -> None:
    """Numbers stand to the right, texts to the left, no line ends with blanks."""
    text = align([["id", "name"], ["7", "a"], ["12", "long name"]], [True, False])
    assert text == "id  name\n 7  a\n12  long name"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "yes"), (12345.6, "12346"), (0.012345, "0.01235"), (3.0, "3"), (7, "7"),
     (["a", "b"], "a,b"), ("two\nlines", "two lines"), (float("inf"), "inf")],
)  # fmt: skip
def test_cells_are_short(value: object, text: str) -> None:
    """A cell shows a value in few letters and one line."""
    assert describe(value) == text


def test_durations_and_numbers_are_as_people_say_them() -> None:
    """Seconds, minutes, hours and days; no exponents where they can be left out."""
    assert [describe_duration(s) for s in (3.6, 61, 3725, 90_000)] == [
        "4 s", "1 min 1 s", "1 h 02 min", "1 d 1 h",
    ]  # fmt: skip
    assert [describe_number(n) for n in (0.0, -1234.5, 0.5)] == ["0", "-1234", "0.5"]


def test_a_snapshot_is_told_in_one_line() -> None:
    """What ended, runs, waits, the rate and when it will have ended; trouble is not hidden."""
    text = describe_work(snapshot())
    assert text.startswith("10 ended, 2 running, 28 waiting; 120 images an hour, 15 min 0 s left")
    told = describe_work(snapshot(failed=1, paused=True,
                                  dispatcher=SimpleNamespace(trouble="disk full")))  # fmt: skip
    assert "(1 failed)" in told
    assert "queue resume" in told
    assert "disk full" in told


EPU_NAME = "FoilHole_29355766_Data_29354774_29354776_20260131_120501_Fractions"


@pytest.mark.parametrize("width", [80, 100, 200])
def test_long_names_do_not_widen_the_live_table(width: int) -> None:
    """A name is shortened in its middle, one row stays one line of the terminal."""
    batch = SimpleNamespace(image_id=1)
    slot = SimpleNamespace(name="local-12", state=SimpleNamespace(value="busy"), batch=batch,
                           script="calculate_statistics", progress=0.5,
                           since=time.time() - 3725)  # fmt: skip
    drawn = io.StringIO()
    console = Console(file=drawn, width=width, force_terminal=False)
    console.print(draw_slots([cast(Any, slot)], {1: EPU_NAME}, width))
    title, row = drawn.getvalue().splitlines()
    name, state, image, *others = row.split()
    assert (name, state) == ("local-12", "busy")
    assert others == ["calculate_statistics", "50%", "1", "h", "02", "min"]
    assert (image == EPU_NAME) == (width == 200)
    assert image.startswith("FoilHole")
    assert "120501" in image  # its end tells it from the others of the session
    assert title.split() == ["processor", "state", "image", "script", "progress", "for"]


@pytest.mark.parametrize(("processors", "shown"), [(2, 2), (40, 17)])
def test_a_small_terminal_shows_rate_and_end(processors: int, shown: int) -> None:
    """At 80 x 24 nothing of the line is lost, however many processors there are."""
    slots = [SimpleNamespace(name=f"local-{n}", state=SimpleNamespace(value="idle"), batch=None,
                             script=None, progress=None, since=None)
             for n in range(processors)]  # fmt: skip
    drawn = io.StringIO()
    console = Console(file=drawn, width=80, height=24, force_terminal=False)
    names = cast(Any, SimpleNamespace(of=lambda _: {}))
    work = snapshot(dispatcher=SimpleNamespace(trouble=None, slots=slots), failed=3)
    console.print(draw_work(work, names, console))
    lines = drawn.getvalue().splitlines()
    assert len(lines) < 24
    assert sum(line.startswith("local-") for line in lines) == shown
    assert (f"... and {processors - shown} more" in drawn.getvalue()) == (processors > shown)
    told = " ".join(" ".join(lines).split())
    assert "28 waiting; 120 images an hour, 15 min 0 s left, until" in told


@pytest.mark.parametrize(
    ("width", "short"), [(20, "abcdefghij"), (10, "abcdefghij"), (7, "abc…hij"), (6, "ab…hij"),
                         (1, "…"), (0, "…")]
)  # fmt: skip
def test_a_text_is_shortened_in_its_middle(width: int, short: str) -> None:
    """Beginning and end tell names of one session apart."""
    assert shorten("abcdefghij", width) == short


def test_plain_lines_come_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    """A line is printed when something has changed, at most every ten seconds."""
    now = [0.0]
    lines = Lines(lambda: now[0])
    for moment, ended in ((0, 1), (1, 2), (5, 3), (10.5, 4), (30, 4), (31, 5)):
        now[0] = moment
        lines.show(snapshot(ended=ended))
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == ["1", "4", "5"]
