"""The library as columns says what its rows say, however many there are."""

import math

import numpy as np
import pytest

from cryobatch.errors import UnknownNameError
from cryobatch.store import library, table
from cryobatch.store.database import Database
from cryobatch.store.table import read_table
from tests.store.store_images import MakeImages
from tests.store.test_library import entry, index


def as_list(column: object) -> list[object]:
    """Return a column as JSON would have it."""
    found = column.tolist() if isinstance(column, np.ndarray) else list(column)  # type: ignore[call-overload]  # a list then
    return [None if isinstance(one, float) and math.isnan(one) else one for one in found]


@pytest.fixture
def filled(database: Database, images: MakeImages) -> Database:
    """Return a library with values of every kind, some of them missing."""
    images(7)
    index(database, {
        1: entry(ctf_score=0.123456789, particle_count=40, verdict="fits"),
        2: entry(ctf_score=None, particle_count=41),
        3: entry(ctf_score=3, particle_count=42, verdict=None),
        4: entry(ctf_score=0.5, particle_count=43, mixed=1.5),
        5: entry(ctf_score=0.25, particle_count=44, mixed="none", huge=2**70),
        6: entry(ctf_score=0.75, particle_count=45, empty=None),
    })  # fmt: skip
    return database


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_columns_say_what_rows_say(
    filled: Database, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value of every image, in their own types, in any order and number."""
    monkeypatch.setattr(table, "CHUNK", chunk)
    with filled.reading() as r:
        for options in ({}, {"sort": "ctf_score", "descending": True}, {"limit": 3},
                        {"where": "particle_count > 42"}):  # fmt: skip
            rows = library.rows(r, **options)
            found = read_table(r, **options)
            for name, column in found.items():
                assert as_list(column) == [row[name] for row in rows], (options, name)
            left = set(rows[0]) - set(found)
            assert all(row[name] is None for row in rows for name in left)


@pytest.mark.parametrize("few", [0, 30])
def test_what_is_asked_for_is_there(
    filled: Database, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chosen values and columns, also those that no image has; others are not read."""
    monkeypatch.setattr(table, "FEW", few)
    with filled.reading() as r:
        found = read_table(r, fields=["empty", "verdict", "frames"], besides=["has_results"])
        assert list(found) == [*library.ALWAYS, "has_results", "frames", "empty", "verdict"]
        assert as_list(found["empty"]) == [None] * 7
        assert as_list(found["verdict"]) == ["fits", *[None] * 6]
        assert found["has_results"] == [True] * 6 + [False]
        one = read_table(r, fields=["particle_count"])
        assert as_list(one["particle_count"]) == [40, 41, 42, 43, 44, 45, None]
        with pytest.raises(UnknownNameError, match="ctf_score"):
            read_table(r, fields=["ctf_scor"])


def test_seven_digits_are_enough_for_a_table(filled: Database) -> None:
    """Numbers take half the room where not all digits are wanted; whole ones stay whole."""
    with filled.reading() as r:
        found = read_table(r, "id < 3", exact=False)
    assert found["ctf_score"].dtype == np.float32
    assert found["ctf_score"][0] == pytest.approx(0.123456789, rel=1e-7)
    assert as_list(found["particle_count"]) == [40, 41]


def test_an_empty_library_has_columns(database: Database) -> None:
    """No image, no row: the columns that every image has are there, and empty."""
    with database.reading() as r:
        assert read_table(r) == {name: [] for name in library.ALWAYS}
