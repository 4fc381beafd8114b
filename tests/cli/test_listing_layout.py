"""Listings on a terminal: what a person must see is there, however narrow it is."""

import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cryobatch.cli import tables
from cryobatch.cli.layout import GAP, LEAST, lay_out, shorten_alike

NAMES = [
    f"FoilHole_29355766_Data_29354774_29354776_20260131_1205{n:02d}_Fractions" for n in range(3)
]
REASON = "the recording cannot be reached (No such file or directory); bring it back, or import it"


def show(
    rows: Sequence[dict[str, object]], width: int, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Return the lines of a listing on a terminal of so many letters."""
    screen = Console(file=io.StringIO(), width=width)
    monkeypatch.setattr("rich.console.Console", lambda: screen)
    tables._show_rich(
        [[tables.describe(value) for value in row.values()] for row in rows],
        list(rows[0]),
        [isinstance(value, int) for value in rows[0].values()],
    )
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue().splitlines()


def test_states_and_times_are_whole_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names give way, and keep what tells them apart."""
    rows: list[dict[str, object]] = [
        {"id": n, "state": "waiting", "image": name, "workflow": "movie",
         "scripts": "unpack,fourier_crop,correct_drift", "since": "2026-11-23 05:42:00"}
        for n, name in enumerate(NAMES)
    ]  # fmt: skip
    head, *lines = show(rows, 80, monkeypatch)
    assert head.split() == list(rows[0])
    for number, line in enumerate(lines):
        assert len(line) <= 80
        assert " waiting " in line
        assert line.endswith("2026-11-23 05:42:00")
        assert f"1205{number:02d}" in line


@pytest.mark.parametrize("width", [80, 120, 240])
def test_a_long_text_is_readable(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside its row where it has thirty letters, else below; nothing of it is lost."""
    row: dict[str, object] = {
        "time": "2026-11-23 05:42:00", "level": "error", "processor": "local-1",
        "image": NAMES[0], "batch": 107, "script": "correct_drift", "text": REASON,
    }  # fmt: skip
    lines = show([row], width, monkeypatch)
    assert all(len(line) <= width for line in lines)
    assert "2026-11-23 05:42:00  error  local-1" in lines[2 if width == 80 else 1]
    assert REASON in " ".join(" ".join(lines).split())
    assert len(lines) <= 6


def test_a_text_that_is_alone_is_shortened_in_its_middle() -> None:
    """There is nothing to tell it from."""
    assert shorten_alike(["FoilHole_29355766_Data"], 11) == ["FoilH…_Data"]


def test_names_that_differ_too_much_are_shortened_each_by_itself() -> None:
    """What tells them apart has no room."""
    assert shorten_alike(["abcdefghijklmno", "zyxwvutsrqponml"], 5) == ["ab…no", "zy…ml"]


@given(st.lists(st.text("ab_1", max_size=30), min_size=1, max_size=6), st.integers(3, 20))
def test_no_text_is_longer_than_its_column(texts: list[str], width: int) -> None:
    """Whatever they have in common; and what fits is left as it is."""
    short = shorten_alike(texts, width)
    assert all(len(text) <= width for text in short)
    assert all(a == b for a, b in zip(texts, short, strict=True) if len(a) <= width)


@given(st.lists(st.integers(0, 120), min_size=1, max_size=9), st.integers(20, 250), st.booleans())
def test_columns_fit_or_have_given_all_they_can(
    widths: list[int], room: int, last_is_text: bool
) -> None:
    """No column is wider than it needs, none gives way for nothing."""
    layout = lay_out(widths, room, last_is_text=last_is_text)
    line = list(layout.widths[:-1]) if layout.below else list(layout.widths)
    if sum(line) + len(GAP) * (len(line) - 1) > room:
        assert all(width <= LEAST for width in line)
    assert all(got <= wanted for got, wanted in zip(line, widths, strict=False))
