"""The library's table as columns: what its rows say, for very many images at once."""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import Any

from cryobatch.store.choice import choose, order_by, value_names
from cryobatch.store.database import Reading
from cryobatch.store.fields import COLUMNS, STALE, TABLES, TRUTHS, Fragment, field, value_field
from cryobatch.store.library import ALWAYS

FEW = 30
"""Values that are picked out by SQLite; a function of its takes at most 127 arguments."""
_NOWHERE = '$.""'
CHUNK = 4000
"""Rows whose values are held as objects at a time: the rest are numbers side by side."""

Columns = dict[str, Any]
"""Columns by name (Any: lists, or arrays of numbers; numpy is imported when there are some)."""


def read_table(
    r: Reading,
    where: str | None = None,
    *,
    fields: Collection[str] | None = None,
    besides: Collection[str] = (),
    sort: str = "id",
    descending: bool = False,
    limit: int | None = None,
    known_values: Collection[str] = (),
    exact: bool = True,
) -> Columns:
    """Return images as columns.

    Args:
        r: The reading.
        where: A filter, as for ``library.rows``.
        fields: Values and columns to return; None: all values that some image has.
        besides: Columns to return too.
        sort: As for ``library.rows``.
        descending: Likewise.
        limit: Likewise.
        known_values: Names of values besides those that some image has.
        exact: Whether numbers that are not whole keep all their digits, and not about seven.

    Returns:
        One column a name, all equally long: id, name, group, state, flag, stale (lists of scripts),
        and what was asked for. Numbers are an array where all are; NaN stands for one that is not
        there. A value that was not asked for by name is left out where no image has it.

    Raises:
        UnknownNameError: Nobody knows a field.
    """
    known = {*value_names(r), *known_values}
    asked = [name for name in dict.fromkeys([*besides, *(fields or ())]) if name not in ALWAYS]
    for name in asked:
        field(name, known)
    plain = [name for name in asked if name in COLUMNS]
    values = sorted(known) if fields is None else [name for name in asked if name not in COLUMNS]
    few = fields is not None and len(values) <= FEW
    results = _few_results(values) if few else Fragment("CAST(image.results AS BLOB)")
    condition = choose(r, where, None, known_values)
    order = order_by(sort, known, descending=descending)
    cursor = r.execute(
        "SELECT image.id, image.name, image.grp, last.state, image.flag, image.stale"  # noqa: S608
        f"{''.join(f', {COLUMNS[name]}' for name in plain)}, {results.sql} "
        f"FROM {TABLES} WHERE {condition.sql} ORDER BY {order.sql} LIMIT ?",
        (
            *results.parameters,
            *condition.parameters,
            *order.parameters,
            -1 if limit is None else limit,
        ),
    )
    keys: Sequence[int | str] = range(len(values)) if few else values
    builder = _Builder([*ALWAYS, *plain], dict(zip(values, keys, strict=True)), exact=exact)
    while rows := cursor.fetchmany(CHUNK):
        builder.add(rows)
    return builder.finish(keep_empty=fields is not None)


class _Builder:
    """Puts rows together into columns, some thousand at a time."""

    def __init__(self, plain: Sequence[str], keys: Mapping[str, int | str], *, exact: bool) -> None:
        """Begin.

        Args:
            plain: Names of the columns before the results.
            keys: Where a value stands in the results: a place in a list, or a name.
            exact: Whether numbers keep all their digits.
        """
        self._plain: dict[str, list[object]] = {name: [] for name in plain}
        self._values: dict[str, list[Any]] = {name: [] for name in keys}
        self._keys = keys
        self._exact = exact
        self._stale: dict[str, object] = {}

    def add(self, rows: Sequence[Any]) -> None:
        """Take rows: the plain columns, and the results' JSON (Any: SQLite's own rows)."""
        import orjson

        *parts, texts = zip(*rows, strict=True)
        for (name, column), part in zip(self._plain.items(), parts, strict=True):
            if name == STALE:
                column.extend(map(self._read_stale, part))
            else:
                column.extend(map(bool, part) if name in TRUTHS else part)
        # One text parsed at once: a third of the time of many small ones.
        results = orjson.loads(b"[" + b",".join(texts) + b"]")
        for name, chunks in self._values.items():
            key = self._keys[name]
            some = ([one[key] for one in results] if isinstance(key, int)
                    else [one.get(key) for one in results])  # fmt: skip
            chunks.append(_pack(some, exact=self._exact))

    def _read_stale(self, text: str) -> object:
        import orjson

        if text not in self._stale:
            self._stale[text] = orjson.loads(text)
        return self._stale[text]

    def finish(self, *, keep_empty: bool) -> Columns:
        """Return all columns."""
        values = {name: _join(chunks, exact=self._exact) for name, chunks in self._values.items()}
        return self._plain | {
            name: column for name, column in values.items() if keep_empty or not _is_empty(column)
        }


def _few_results(values: Sequence[str]) -> Fragment:
    """Return the SQL of a list of some values: SQLite finds a few sooner than we parse them all."""
    paths = [path for name in values for path in value_field(name).parameters]
    # With a single path the answer would be no list.
    marks = ", ".join("?" for _ in [*paths, "$", "$"])
    return Fragment(
        f"CAST(json_extract(image.results, {marks}) AS BLOB)", (*paths, _NOWHERE, _NOWHERE)
    )


def _pack(column: list[object], *, exact: bool) -> Any:
    """Return numbers as an array, anything else as it is (Any: of either).

    Whole numbers of which some are missing would be no whole numbers in an array.
    """
    import numpy as np

    kinds = set(map(type, column))
    try:
        if kinds == {int}:
            return np.array(column, dtype=np.int64)
        if kinds <= {float, type(None)} or (not exact and kinds <= {float, int, type(None)}):
            return np.array(column, dtype=np.float64)
    except OverflowError:
        pass  # a whole number beyond what an array holds stays what it is
    return column


def _join(chunks: Sequence[Any], *, exact: bool) -> Any:
    """Return one column of its chunks (Any: arrays or lists)."""
    import numpy as np

    if not all(isinstance(one, np.ndarray) for one in chunks):
        return [_plain(one) for one in chain.from_iterable(chunks)]
    if not chunks:
        return []
    joined = np.concatenate(chunks)
    return joined if exact or joined.dtype == np.int64 else joined.astype(np.float32)


def _plain(one: object) -> object:
    """Return what stands in a list: no number of numpy's, and None for one that is not there."""
    value = one.item() if hasattr(one, "item") else one
    return None if value != value else value


def _is_empty(column: Any) -> bool:
    import numpy as np

    if isinstance(column, np.ndarray):
        return column.dtype != np.int64 and bool(np.isnan(column).all())
    return all(one is None for one in column)
