"""A file that people write is changed where a person would change it, and nowhere else."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryobatch.errors import SettingsError
from cryobatch.formats.toml_edit import edit_toml

TEXT = """\
# Session of Monday, Krios 2.
[project]
name = "apoferritin"   # as in the logbook
id = "4d6f"

# measured by hand
[acquisition]
pixel_size = 1.5       # Å
tags = [
  "a",  # the first
  "b # not a comment",
]   # all of them

[parameters.pick_particles]
diameter = 130.0
"odd key = here" = 1

[processors]  # of the small machine
number = 2
"""


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("project", "name"), "ferritin", '"apoferritin"   #', '"ferritin"   #'),
        (("acquisition", "pixel_size"), 0.83, "1.5       # Å", "0.83       # Å"),
        (("acquisition", "tags"), ["c"], TEXT[TEXT.index("[\n"):TEXT.index("   # all")], '["c"]'),
        (("parameters", "pick_particles", "odd key = here"), True, "here\" = 1", "here\" = true"),
        (("parameters", "pick_particles", "diameter"), None, "diameter = 130.0\n", ""),
        (("acquisition", "voltage"), 300.0, "]   # all of them\n",
         "]   # all of them\nvoltage = 300.0\n"),
        (("processors", "number"), None, "number = 2\n", ""),
        (("queue", "max_losses"), 5, "number = 2\n", "number = 2\n\n[queue]\nmax_losses = 5\n"),
        (("nothing", "there"), None, "", ""),
    ],
)  # fmt: skip
def test_one_value_is_changed_and_all_else_stays(
    path: tuple[str, ...], value: object, old: str, new: str
) -> None:
    """Comments, order and layout are as they were."""
    assert edit_toml(TEXT, {path: value}) == TEXT.replace(old, new, 1)


def test_a_heading_without_anything_below_goes_too() -> None:
    """But not one with a comment, which somebody wrote for a reason."""
    text = "[a]\nx = 1\n\n[b]\ny = 2\n"
    assert edit_toml(text, {("a", "x"): None}) == "[b]\ny = 2\n"
    noted = "[a]  # why\nx = 1\n[b]\n# because\ny = 2\n"
    assert edit_toml(noted, {("a", "x"): None, ("b", "y"): None}) == "[a]  # why\n[b]\n# because\n"


@pytest.mark.parametrize(
    ("text", "path", "result"),
    [
        ("a = {b = {c = 1}}  # inner\n", ("a", "b", "d"), "a = {b = {c = 1, d = 7}}  # inner\n"),
        ("[a]\nb.c = 1\n", ("a", "b", "c"), "[a]\nb.c = 7\n"),
        ("[a.b]\nc = 1", ("a", "b", "d"), "[a.b]\nc = 1\nd = 7\n"),
        ("[a]\r\nx = 1\r\n", ("a", "x"), "[a]\r\nx = 7\r\n"),
        ("", ("a", "x"), "[a]\nx = 7\n"),
        ('x = """\nlong\n"""\n', ("x",), "x = 7\n"),
        ("# only words\n", ("a", "x"), "# only words\n\n[a]\nx = 7\n"),
    ],
)
def test_every_way_of_writing_a_table_is_understood(
    text: str, path: tuple[str, ...], result: str
) -> None:
    """Inline tables, dotted keys, a last line without an end, long texts."""
    assert edit_toml(text, {path: 7}) == result


@pytest.mark.parametrize(
    ("text", "path"),
    [("[a]\nb.c = 1\n", ("a", "b", "d")), ("[[a]]\nx = 1\n", ("a", "x")), ("a = 1\n", ("a", "b"))],
)
def test_what_cannot_be_written_well_is_left_to_a_person(text: str, path: tuple[str, ...]) -> None:
    """An error that says so, and never a file that means something else."""
    with pytest.raises(SettingsError, match=r"a person|no table"):
        edit_toml(text, {path: 7})


NAMES = st.sampled_from(["a", "b", "c c", "d.e", 'q"', "#"])
VALUES = st.one_of(
    st.integers(-5, 5),
    st.booleans(),
    st.text(max_size=6),
    st.floats(allow_nan=False),
    st.lists(st.text(max_size=3), max_size=3),
)


@settings(max_examples=150)
@given(
    tables=st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, min_size=1), max_size=3),
    path=st.tuples(NAMES, NAMES),
    value=st.one_of(VALUES, st.none()),
)
def test_the_file_then_holds_what_was_wanted(
    tables: dict[str, dict[str, Any]], path: tuple[str, str], value: object
) -> None:
    """Whatever the names and values."""
    import tomli_w

    text = edit_toml(tomli_w.dumps(tables), {path: value})
    wanted = {name: dict(table) for name, table in tables.items()}
    wanted.setdefault(path[0], {})[path[1]] = value
    found = tomllib.loads(text)
    for name, table in wanted.items():
        left = {key: one for key, one in table.items() if one is not None}
        assert found.get(name, {}) == left


def test_lines_end_where_toml_ends_them() -> None:
    """Other programs know more ends of lines; in a comment these are letters."""
    text = "# one\u2028two\x85three\nx = 'a\u2029b'\r\ny = 1\r\n"
    assert edit_toml(text, {("y",): 2}) == text.replace("y = 1", "y = 2")
