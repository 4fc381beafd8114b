"""Whatever a person types as a filter is understood or refused with a reason."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryobatch.errors import UnknownNameError, UsageError
from cryobatch.store.expression import parse_filter

VALUES = ("ctf_resolution", "ctf_score")


@pytest.mark.parametrize(
    "text",
    [
        "", "ctf_score =", 'flag = "red"', "ctf_score < ", "1; DROP TABLE image", "id < 4 --",
        "__import__('os')", "name.lower() == 'a'", "[x for x in name]", "id if id else id",
        "ctf_score", "5", "name == b'a'", "id < {}", "lambda: 1", "f'{id}' == '1'",
        "name[0] == 'a'",
        "id in (id, 1)", "id ** 2 > 4", "\x00", "((((" * 200,
        "id" + " + id" * 400 + " > 1", "x" * 30_000,
        "1" * 5000 + " < id", "\ud800 < 1", "...", "id < ...", "(id := 4) > 2", "await id",
    ],
)  # fmt: skip
def test_what_is_no_filter_is_refused(text: str) -> None:
    """Nothing but the small grammar gets through, and the text says what is wrong."""
    with pytest.raises(UsageError) as caught:
        parse_filter(text, VALUES)
    assert len(str(caught.value)) > 10


def test_an_unknown_field_lists_the_nearest_first() -> None:
    """A slip of the finger is told with the name that was meant."""
    with pytest.raises(UnknownNameError, match="known: ctf_resolution, "):
        parse_filter("ctf_resolutoin < 4", VALUES)


def test_a_text_without_quotes_is_told() -> None:
    """Forgotten quotes in a list get the hint that is needed."""
    with pytest.raises(UnknownNameError, match="in quotes"):
        parse_filter("flag in (red, green)", VALUES)


def test_a_persons_text_never_becomes_sql() -> None:
    """Texts and numbers are parameters, whatever stands in them."""
    evil = "'; DROP TABLE image; --"
    found = parse_filter(f'name == "{evil}" or "{evil}" in comment', VALUES)
    assert "DROP" not in found.condition.sql
    assert found.condition.parameters == (evil, evil)
    assert found.names == {"name", "comment"}


ATOMS = st.sampled_from(
    ["id", "name", "flag", "stale", "trashed", "ctf_score", "none", "true", "4", "-2.5", "1e400",
     "'red'", "('a', 1)", "(", ")", "and", "or", "not", "<", ">=", "==", "!=", "in", "is", "+", "/",
     "unknown", "9" * 40]
)  # fmt: skip


@given(st.lists(ATOMS, max_size=12).map(" ".join) | st.text(max_size=40))
def test_any_text_is_a_filter_or_a_usage_error(text: str) -> None:
    """No other exception comes out, and what is understood is SQL that runs."""
    try:
        found = parse_filter(text, VALUES)
    except UsageError:
        return
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE image (id, name, grp, flag, stale, trashed, comment, results)")
    connection.execute("INSERT INTO image VALUES (1, 'a', 'g', NULL, '[]', 0, '', '{}')")
    answer = connection.execute(
        f"SELECT {found.condition.sql} FROM image", found.condition.parameters
    ).fetchone()[0]
    connection.close()
    assert answer in {0, 1}


def test_long_sums_stay_short_sql() -> None:
    """What a person types grows into a few times its length, however deep it nests."""
    text = "id" + " + id" * 100 + " > -(-(-ctf_score))"
    found = parse_filter(text, VALUES)
    assert len(found.condition.sql) < 60 * len(text)
