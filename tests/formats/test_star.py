"""STAR files: what is written is read, by us and in RELION's layout."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryobatch.errors import BadInput
from cryobatch.formats.star import StarTable, format_star, read_star, star_list, write_star

TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Cs"]), max_size=20
).filter(lambda text: text not in {".", "?"} and not ("' " in text and '" ' in text))


def test_blocks_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Lists and loops keep names, labels, order and numbers."""
    path = tmp_path / "a.star"
    loop = StarTable({"rlnCoordinateX": [1.5, 2.25e-7], "rlnClassNumber": [1, -3]})
    write_star(path, {"general": star_list(rlnImageSizeX=10, rlnName="a b"), "particles": loop})
    found = read_star(path)
    assert path.read_text().splitlines()[0] == "# version 30001"
    assert list(found) == ["general", "particles"]
    assert found["general"].is_list
    assert found["general"].number("rlnImageSizeX") == 10
    assert found["general"].text("rlnName") == "a b"
    assert found["particles"].floats("rlnCoordinateX").tolist() == [1.5, 2.25e-7]
    assert found["particles"].ints("rlnClassNumber").tolist() == [1, -3]


def test_an_empty_loop_keeps_its_labels(tmp_path: Path) -> None:
    """A micrograph without particles has a table without rows, and it can be read."""
    path = tmp_path / "a.star"
    write_star(path, {"particles": StarTable({"rlnCoordinateX": [], "rlnCoordinateY": []})})
    table = read_star(path)["particles"]
    assert len(table) == 0
    assert list(table.columns) == ["rlnCoordinateX", "rlnCoordinateY"]


@given(rows=st.lists(st.tuples(TEXTS, st.floats(allow_nan=False), st.integers()), min_size=1))
def test_any_text_and_number_survives(scratch: Path, rows: list[tuple[str, float, int]]) -> None:
    """Spaces, quotes, other alphabets and every number come back."""
    path = scratch / "any.star"
    texts, numbers, counts = (list(column) for column in zip(*rows, strict=True))
    write_star(path, {"a": StarTable({"text": texts, "number": numbers, "count": counts})})
    table = read_star(path)["a"]
    assert table.texts("text") == texts
    assert table.floats("number").tolist() == numbers
    assert table.texts("count") == [str(count) for count in counts]


@pytest.mark.parametrize("text", ["two\nlines", "it' is\" odd"])
def test_a_value_of_several_lines_is_refused(text: str) -> None:
    """RELION reads a row from one line: a name that fits in none is told with a way out."""
    with pytest.raises(BadInput, match=r"one line.*give the file"):
        format_star({"a": star_list(text=text)})


def test_a_name_with_both_kinds_of_quotes_fits_in_a_line(tmp_path: Path) -> None:
    """A recording may be called so; its image must not fail for it."""
    path = tmp_path / "a.star"
    name = 'it\'s "mine".mrc'
    write_star(path, {"a": star_list(rlnMicrographMovieName=name)})
    assert read_star(path)["a"].texts("rlnMicrographMovieName") == [name]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"data_a\nloop_\n_x\n_y\n1\n", b"no star"])
def test_what_is_no_star_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """The error names the file."""
    path = tmp_path / "bad.star"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"bad\.star"):
        read_star(path)
    with pytest.raises(BadInput, match="is gone"):
        read_star(tmp_path / "missing.star")


def test_what_a_table_does_not_hold_is_named(tmp_path: Path) -> None:
    """A missing column, a text for a number and several values for one each say so."""
    table = StarTable({"a": ["x"], "b": ["1.5"], "c": ["2"]}, where="here")
    with pytest.raises(BadInput, match="no column d; it has a, b, c"):
        table.floats("d")
    with pytest.raises(BadInput, match="numbers"):
        table.floats("a")
    with pytest.raises(BadInput, match="whole numbers"):
        table.ints("b")
    with pytest.raises(BadInput, match="one is expected"):
        StarTable({"a": [1, 2]}).number("a")


def test_real_motion_files_are_read(shared_data: Callable[[str], Path]) -> None:
    """RELION 5's own motion file has its list, its loops and its numbers."""
    path = shared_data("beta_galactosidase/20170629_00022_frameImage.star")
    blocks = read_star(path)
    assert blocks["general"].number("rlnMicrographDoseRate") == 1.277
    assert len(blocks["global_shift"]) == 24
    assert len(blocks["local_shift"]) == 600
    assert blocks["global_shift"].floats("rlnMicrographShiftX")[1] == 1.220644


def test_plain_words_are_not_quoted() -> None:
    """RELION's and other programs' simpler readers find paths as they are."""
    text = format_star({"a": star_list(rlnName="MotionCorr/a_b.mrc", rlnOther="data_x", rlnE="")})
    assert " MotionCorr/a_b.mrc\n" in text
    assert "'data_x'" in text
    assert "''" in text
