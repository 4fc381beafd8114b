"""Tables of images that other programs open."""

import csv
import io
import json
from pathlib import Path

import pytest

from cryobatch.errors import UsageError
from cryobatch.export.tables import PIECE_ROWS, TableFormat, format_table
from cryobatch.project import Project, Selection
from cryobatch.project.correction import comment_image

ALL = Selection(everything=True)


def test_all_that_is_filled_is_written(project: Project) -> None:
    """Without chosen columns, the usual ones and every value that some image has."""
    text, count = project.exporter.table(TableFormat.CSV, ALL)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert count == len(rows) == 4
    assert list(rows[0])[:3] == ["id", "name", "group"]
    assert (rows[0]["defocus_u"], rows[3]["defocus_u"]) == ("15000.0", "")
    assert "particle_count" not in rows[0]


def test_chosen_columns_stand_in_their_order(project: Project) -> None:
    """Whoever chooses columns gets these and no other, in each format."""
    columns = ("name", "ctf_resolution", "id")
    chosen = Selection(images=(2,))
    tsv, _ = project.exporter.table(TableFormat.TSV, chosen, columns)
    assert tsv == "name\tctf_resolution\tid\nimage_2\t3.9\t2\n"
    text, _ = project.exporter.table(TableFormat.JSON, chosen, columns)
    assert json.loads(text) == [{"name": "image_2", "ctf_resolution": 3.9, "id": 2}]


def test_a_comment_is_no_formula(project: Project) -> None:
    """A spreadsheet calculates nothing that somebody wrote into a comment; numbers stay numbers."""
    project.images.update(Selection(images=(1,)), comment_image("=1+1\tand, more"))
    text, _ = project.exporter.table(TableFormat.CSV, Selection(images=(1,)), ("comment",))
    assert next(csv.DictReader(io.StringIO(text)))["comment"] == "'=1+1\tand, more"
    assert format_table([{"a": -1.5}], ("a",), TableFormat.CSV) == "a\n-1.5\n"
    for text in ("\t=1+1", "\r=1+1", "one\rtwo\r\nthree"):
        written = format_table([{"a": text}, {"a": "b"}], ("a",), TableFormat.TSV)
        rows = list(csv.reader(io.StringIO(written, newline=""), delimiter="\t"))
        assert len(rows) == 3
        assert (rows[1][0][0] == "'") is ("=" in text)


@pytest.mark.parametrize("number", [0, 1, PIECE_ROWS, PIECE_ROWS + 1])
def test_a_table_in_pieces_is_one_table(number: int) -> None:
    """However many rows there are, none is lost between two pieces."""
    rows = [{"id": one} for one in range(number)]
    lines = format_table(rows, ("id",), TableFormat.CSV).splitlines()
    assert lines == ["id", *(str(one) for one in range(number))]
    assert json.loads(format_table(rows, ("id",), TableFormat.JSON)) == rows


def test_a_table_tells_how_far_it_is_and_can_be_stopped(project: Project) -> None:
    """As exports for other programs."""
    told: list[tuple[int, int]] = []
    exporter = project.exporter
    exporter.write_table(
        TableFormat.CSV, ALL, exporter.folder("good"), done=lambda *now: told.append(now)
    )
    assert told[0] == told[-1] == (4, 4)

    def stop(_done: int, _all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exporter.write_table(TableFormat.CSV, ALL, exporter.folder("next"), done=stop)
    assert [one["name"] for one in exporter.listing()] == ["good"]


def test_an_export_of_the_project_has_a_plain_name(project: Project) -> None:
    """A name leads nowhere but into the project's exports, and is listed there."""
    exporter = project.exporter
    for wrong in ("../x", "a/b", "", ".hidden", "/tmp/x"):
        with pytest.raises(UsageError, match="name an export"):
            exporter.folder(wrong)
    exporter.write_table(TableFormat.CSV, ALL, exporter.folder("good"))
    assert (project.place.folder / "exports/good/images.csv").is_file()
    (listed,) = exporter.listing()
    assert (listed["name"], listed["kind"], listed["images"]) == ("good", "table", 4)
    assert Path(exporter.folder("good") / "export.json").is_file()
