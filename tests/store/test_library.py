"""The library shows, sorts and filters what the images' parameter files hold."""

from dataclasses import replace

import pytest

from cryobatch.errors import ConflictError, UnknownNameError, UsageError
from cryobatch.model import BatchState
from cryobatch.model.index import IndexEntry
from cryobatch.store import library, queue
from cryobatch.store.changes import changed_images, read_marks
from cryobatch.store.choice import choose
from cryobatch.store.database import Database
from cryobatch.store.fields import COLUMNS, TABLES
from tests.store.store_images import MakeImages, fill, identity


def entry(
    *,
    flag: str | None = None,
    trashed: bool = False,
    stale: tuple[str, ...] = (),
    absent: dict[str, str] | None = None,
    **values: float | int | str | None,
) -> IndexEntry:
    """Return an entry with these values."""
    return IndexEntry(values, absent or {}, flag, "", trashed, stale)


def index(database: Database, entries: dict[int, IndexEntry]) -> None:
    """Index images."""
    with database.transaction() as t:
        for one, item in entries.items():
            assert library.index(t, one, item)


def test_ids_are_given_out_once(database: Database, images: MakeImages) -> None:
    """No id comes again, not even one that was registered without being reserved."""
    assert images(3) == [1, 2, 3]
    with database.transaction() as t:
        assert list(library.reserve_image_ids(t, 2)) == [4, 5]
        library.register(t, [identity(40)])
        assert list(library.reserve_image_ids(t, 1)) == [41]


def test_a_row_shows_every_value_under_its_name(database: Database, images: MakeImages) -> None:
    """Values stand beside id, name, group, state, flag and stale; absent ones are None."""
    images(2)
    index(database, {1: entry(flag="red", stale=("fit_ctf",), absent={"phase_shift": "no search"},
                              defocus_u=1.5, phase_shift=None, quality="red")})  # fmt: skip
    fill(database, [1])
    with database.reading() as r:
        first, second = library.rows(r)
        reasons = library.absences(r, 1)
    assert first == {
        "id": 1, "name": "image_1", "group": "square", "state": "waiting", "flag": "red",
        "stale": ["fit_ctf"], "defocus_u": 1.5, "phase_shift": None, "quality": "red",
    }  # fmt: skip
    assert second["state"] is second["defocus_u"] is None
    assert reasons == {"phase_shift": "no search"}


def test_every_field_of_a_filter_can_be_a_column(database: Database, images: MakeImages) -> None:
    """What is asked for stands beside what a row always has; an unknown name is told."""
    images(1)
    index(database, {1: entry(trashed=True, weight=2.0)})
    with database.reading() as r:
        (row,) = library.rows(r, "trashed", columns=[*COLUMNS, "weight"])
        (plain,) = library.rows(r, "trashed")
        with pytest.raises(UnknownNameError, match="known: comment"):
            library.rows(r, columns=["coment"])
    assert set(row) == {*COLUMNS, "weight"}
    assert (row["trashed"], row["comment"], row["stale"]) == (True, "", [])
    assert set(plain) == {"id", "name", "group", "state", "flag", "stale", "weight"}


def test_the_state_is_that_of_the_last_batch(database: Database, images: MakeImages) -> None:
    """An image that was done and is submitted again waits."""
    images(1)
    fill(database, [1])
    with database.transaction() as t:
        queue.claim(t, "local-1", 1.0)
        queue.finish(t, 1, 1, BatchState.DONE, {}, 2.0)
        assert [row["state"] for row in library.rows(t)] == ["done"]
    fill(database, [1])
    with database.reading() as r:
        assert [row["state"] for row in library.rows(r)] == ["waiting"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('ctf_resolution < 4 and flag != "red"', [1]),
        ("ctf_resolution < 4 or ctf_resolution is none", [1, 2, 4]),
        ("3 <= ctf_resolution <= 5", [1, 2, 3]),
        ("not ctf_resolution < 4", [3, 4]),
        ("ctf_resolution != none", [1, 2, 3]),
        ("ctf_resolution > 0", [1, 2, 3]),
        ("quality > 0", []),
        ('quality == "red"', [2]),
        ("flag in ('red', 'green')", [2, 3]),
        ("flag not in ['red']", [1, 3, 4]),
        ("id in (1, 4, 99)", [1, 4]),
        ("id in (4)", [4]),
        ("id not in (4)", [1, 2, 3]),
        ('"age_3" in name', [3]),
        ("stale", [3]),
        ("not stale", [1, 2, 4]),
        ('"unpack" in stale', [3]),
        ('"fit_ctf" in stale', []),
        ("defocus_u - defocus_v > 100", [2]),
        ("defocus_u / 2 == 550", [2]),
        ("-defocus_u < -1050", [2]),
        ("trashed", [5]),
        ("trashed or id == 1", [1, 5]),
        ("group == 'square' and frames == 8", [1, 2, 3, 4]),
        ("state == None", [2, 3, 4]),
        ("true", [1, 2, 3, 4]),
    ],
)
def test_filters(database: Database, images: MakeImages, where: str, expected: list[int]) -> None:
    """A filter gives the images that a reader of Python would expect."""
    images(5)
    index(database, {
        1: entry(ctf_resolution=3.0, defocus_u=1000, defocus_v=1000.0),
        2: entry(flag="red", ctf_resolution=3.5, defocus_u=1100.0, defocus_v=990.0, quality="red"),
        3: entry(flag="green", ctf_resolution=5.0, stale=("unpack",)),
        4: entry(ctf_resolution=None),
        5: entry(trashed=True, ctf_resolution=1.0),
    })  # fmt: skip
    fill(database, [1])
    with database.reading() as r:
        assert library.select(r, where) == expected


def test_the_trash_is_left_out_unless_asked_for(database: Database, images: MakeImages) -> None:
    """Images that were put aside are found by the filter or by their ids only."""
    images(2)
    index(database, {2: entry(trashed=True)})
    with database.reading() as r:
        assert library.select(r) == [1]
        assert library.select(r, ids=[2]) == [2]
        assert [row["id"] for row in library.rows(r)] == [1]


def test_unknown_ids_are_told(database: Database, images: MakeImages) -> None:
    """A selection by ids that are not there is no empty selection."""
    images(2)
    with database.reading() as r, pytest.raises(UsageError, match="id 7"):
        library.select(r, ids=[1, 7])


def test_sorting_puts_images_without_the_value_last(database: Database, images: MakeImages) -> None:
    """Upwards or downwards, what has no value is at the end."""
    images(3)
    index(database, {1: entry(ctf_score=0.5), 2: entry(ctf_score=None), 3: entry(ctf_score=0.1)})
    with database.reading() as r:
        up = [row["id"] for row in library.rows(r, sort="ctf_score")]
        down = [row["id"] for row in library.rows(r, sort="ctf_score", descending=True)]
        page = [row["id"] for row in library.rows(r, sort="ctf_score", limit=1, offset=1)]
    assert (up, down, page) == ([3, 1, 2], [1, 3, 2], [1])


def test_an_unknown_column_lists_the_known_ones(database: Database, images: MakeImages) -> None:
    """The nearest name comes first; values that scripts declare count before any is there."""
    images(1)
    index(database, {1: entry(ctf_score=0.5)})
    with database.reading() as r:
        with pytest.raises(UnknownNameError, match="known: ctf_score, "):
            library.rows(r, sort="ctf_scor")
        assert library.select(r, "ice_ring > 1", known_values=["ice_ring"]) == []


def test_a_value_that_is_no_number_does_no_harm(database: Database, images: MakeImages) -> None:
    """An infinite or undefined number counts as absent; filters go on working."""
    images(1)
    index(database, {1: entry(ctf_score=float("nan"), ice_ring=float("inf"))})
    with database.reading() as r:
        assert library.select(r, "ctf_score is none and ice_ring is none") == [1]


def test_a_recording_is_one_image(database: Database, images: MakeImages) -> None:
    """Neither a recording nor a name in a group is registered twice."""
    images(1)
    same_recording = replace(identity(2), source_id="recording 1")
    same_name = replace(identity(2), name="image_1")
    for image in (same_recording, same_name):
        with pytest.raises(ConflictError, match="import again"), database.transaction() as t:
            library.register(t, [image])
    with database.transaction() as t:
        library.register(t, [identity(1)])
    with database.reading() as r:
        assert library.find_by_source(r, ["recording 1", "recording 2"]) == {"recording 1": 1}
        assert library.taken_names(r, "square", ["image_1", "image_2"]) == {"image_1"}


def test_images_are_found_by_name_and_place(database: Database, images: MakeImages) -> None:
    """Names lead to ids and ids to the folder's place."""
    images(2)
    with database.transaction() as t:
        library.register(t, [identity(2, "other")])
        assert library.find_by_name(t, "image_2") == [2]
        assert library.find_by_name(t, "image_2", "square") == []
        assert library.place_of(t, 2) == ("other", "image_2")
        assert library.places(t, [1, 2, 3]) == {1: ("square", "image_1"), 2: ("other", "image_2")}
        assert library.groups(t) == {"other": 1, "square": 1}
        with pytest.raises(UsageError, match="id 3"):
            library.place_of(t, 3)


def test_odd_file_names_can_be_registered(database: Database) -> None:
    """A file name that is no UTF-8 does not stop an import, and is recognised again."""
    odd = replace(identity(1), source="/data/\udcff.mrc", source_id="9:\udcff")
    with database.transaction() as t:
        library.register(t, [odd])
        assert library.find_by_source(t, ["9:\udcff"]) == {"9:\udcff": 1}


def test_the_median_is_of_images_calculated_last(database: Database, images: MakeImages) -> None:
    """Order of calculation counts, not of import; other groups and absent values do not."""
    ids = images(6)
    with database.transaction() as t:
        library.register(t, [identity(6, "other")])
    for one in (ids[2], ids[0], ids[1]):
        index(database, {one: entry(mean_intensity=float(one))})
    index(database, {4: entry(mean_intensity=None), 6: entry(mean_intensity=100.0)})
    with database.reading() as r:
        assert library.recent_median(r, "square", "mean_intensity") == 2.0
        assert library.recent_median(r, "square", "mean_intensity", count=2) == 1.5
        assert library.recent_median(r, "square", "ctf_score") is None


def test_a_deleted_image_goes_with_its_batches(database: Database, images: MakeImages) -> None:
    """Others stay, and nothing is indexed for one that is gone."""
    images(2)
    fill(database, [1, 2])
    with database.transaction() as t:
        assert library.delete(t, [1, 9]) == 1
        assert [row.image for row in queue.listing(t)] == ["image_2"]
        assert not library.index(t, 1, entry())


def test_who_watches_hears_of_the_trash(database: Database, images: MakeImages) -> None:
    """An image without a file is put aside where others see it; saying it twice is no change."""
    images(3)
    index(database, {1: entry(), 2: entry()})
    with database.transaction() as t:
        before = read_marks(t)
        library.set_trashed(t, [3], True)
        after = read_marks(t)
        assert changed_images(t, before, after, 10) == [3]
        library.set_trashed(t, [3], True)
        assert changed_images(t, after, read_marks(t), 10) == []


def test_a_few_images_are_found_by_their_ids(database: Database, images: MakeImages) -> None:
    """A page that renews two rows of 100,000 reads two rows; what is named twice counts once."""
    images(4)
    with database.reading() as r:
        assert library.select(r, "id in (3, 1, 3) and not trashed") == [1, 3]
        assert library.select(r, "not id in (3, none)") == [1, 2, 4]
        assert library.select(r, "id not in (3, 4) or id in (4, none)") == [1, 2, 4]
        assert library.select(r, "id < 2.5 and id >= true or id > 'a' or 4 <= id") == [1, 2, 4]
        for where in ("id in (3, 1) and not trashed", "id < 3"):
            found = choose(r, where, None, ())
            plan = r.execute(
                f"EXPLAIN QUERY PLAN SELECT image.id FROM {TABLES} WHERE {found.sql}",
                found.parameters,
            )
            assert "SEARCH image USING INTEGER PRIMARY KEY" in plan.fetchone()[3]
