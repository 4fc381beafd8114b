"""Change values in a TOML file that people write: comments, order and layout stay as they are.

The text is taken apart into statements; tomllib itself says where one ends and which key it sets,
so that whatever TOML allows is understood as tomllib does. Afterwards the whole is read again: a
text that does not hold just what was wanted is never given back.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from cryobatch.errors import SettingsError
from cryobatch.formats.toml_text import format_key, format_value

Path = tuple[str, ...]
"""The keys that lead to a value: ``("parameters", "fit_ctf", "box")``."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a TOML text with its lines: a heading, a key with its value, or neither.

    Args:
        text: Its lines with their line breaks.
        table: The table that it stands in; of a heading, the one that it opens.
        key: The key that it sets, below the table; empty for a heading, comment or empty line.
        value: What it sets (Any: TOML's own variety).
        heading: Whether it opens a table.
    """

    text: str
    table: Path
    key: Path = ()
    value: Any = None
    heading: bool = False

    @property
    def path(self) -> Path:
        """The whole path of what it sets."""
        return self.table + self.key


def edit_toml(text: str, changes: Mapping[Path, Any]) -> str:
    """Return a TOML text with other values.

    Args:
        text: The text as somebody wrote it.
        changes: New values by their paths (Any: TOML's own variety); None takes a value out.

    Raises:
        SettingsError: It is written in a way that cannot be changed here; a person must.
    """
    wanted = tomllib.loads(text)
    for path, value in changes.items():
        _put(wanted, path, value)
        text = "".join(one.text for one in _change(list(_take_apart(text)), path, value))
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        found = None
    if found is None or _without_empty(found) != _without_empty(wanted):
        names = ", ".join(".".join(path) for path in changes)
        raise SettingsError(f"{names}: the file is written in a way that only a person can change")
    return text


def _take_apart(text: str) -> Iterator[Statement]:
    table: Path = ()
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)  # str.splitlines knows ends that TOML does not
    start = 0
    while start < len(lines):
        end, data = _find_end(lines, start)
        piece = "".join(lines[start:end])
        start = end
        if piece.lstrip().startswith("["):
            table = _only_path(data)
            yield Statement(piece, table, heading=True)
        elif data:
            key = _only_path(tomllib.loads(_cut_key(piece) + "= 0"))
            value = data
            for name in key:
                value = value[name]
            yield Statement(piece, table, key, value)
        else:
            yield Statement(piece, table)


def _find_end(lines: Sequence[str], start: int) -> tuple[int, dict[str, Any]]:
    """Return the line after a statement, and what it says: the shortest part that is whole."""
    for end in range(start + 1, len(lines) + 1):
        try:
            return end, tomllib.loads("".join(lines[start:end]))
        except tomllib.TOMLDecodeError:
            continue
    raise SettingsError(f"line {start + 1}: is not TOML")


def _cut_key(piece: str) -> str:
    """Return what stands before a statement's equals sign, which may be in a quoted key too."""
    for place, letter in enumerate(piece):
        if letter == "=":
            try:
                tomllib.loads(piece[:place] + "= 0")
            except tomllib.TOMLDecodeError:
                continue
            return piece[:place]
    raise SettingsError(f"{piece.strip()!r}: has no key")


def _only_path(data: Mapping[str, Any]) -> Path:
    """Return the path to the only thing that is in there; of a list of tables, to the list."""
    path: list[str] = []
    inner: Any = data
    while isinstance(inner, Mapping) and inner:
        (name,) = inner
        path.append(name)
        inner = inner[name]
    return tuple(path)


def _change(statements: list[Statement], path: Path, value: Any) -> list[Statement]:
    for place, one in enumerate(statements):
        if one.key and one.path == path:
            if value is None:
                return _take_out(statements, place)
            return [*statements[:place], _replace(one, value), *statements[place + 1 :]]
        if one.key and path[: len(one.path)] == one.path and isinstance(one.value, Mapping):
            whole = deepcopy(dict(one.value))
            _put(whole, path[len(one.path) :], value)
            return [*statements[:place], _replace(one, whole), *statements[place + 1 :]]
    return statements if value is None else _add(statements, path, value)


def _replace(one: Statement, value: Any) -> Statement:
    """Write another value between the key and what follows: the spaces and the comment."""
    key = _cut_key(one.text)
    rest = one.text[len(key) + 1 :]
    comment = _cut_comment(rest)
    room = rest[: len(rest) - len(rest.lstrip(" \t"))] or " "
    return Statement(f"{key}={room}{format_value(value)}{comment}", one.table, one.key, value)


def _cut_comment(rest: str) -> str:
    """Return what follows a value: spaces, a comment, the line's end."""
    whole = tomllib.loads(f"x ={rest}")
    for place, letter in enumerate(rest):
        if letter == "#":
            try:
                same = tomllib.loads(f"x ={rest[:place]}") == whole
            except tomllib.TOMLDecodeError:
                continue
            if same:
                before = rest[:place]
                return before[len(before.rstrip()) :] + rest[place:]
    return rest[len(rest.rstrip()) :]


def _take_out(statements: list[Statement], place: int) -> list[Statement]:
    """Take a statement out, and its heading where nothing is left below it."""
    table = statements[place].table
    left = statements[:place] + statements[place + 1 :]
    headings = [i for i, one in enumerate(left) if one.heading and one.table == table]
    if len(headings) != 1:
        return left
    first = headings[0]
    end = next((i for i in range(first + 1, len(left)) if left[i].heading), len(left))
    if any(one.text.strip() for one in left[first + 1 : end]) or left[first].text.count("#"):
        return left
    return left[:first] + left[end:]


def _add(statements: list[Statement], path: Path, value: Any) -> list[Statement]:
    """Add a value at the end of its table, which is made if it is not there."""
    table, key = path[:-1], path[-1]
    new = Statement(f"{format_key(key)} = {format_value(value)}\n", table, (key,), value)
    places = [i for i, one in enumerate(statements)
              if one.table == table and (one.heading or one.key)]  # fmt: skip
    if places or not table:
        after = places[-1] + 1 if places else 0
        before = [*statements[: after - 1], _ended(statements[after - 1])] if after else []
        return [*before, new, *statements[after:]]
    heading = Statement(f"[{'.'.join(map(format_key, table))}]\n", table, heading=True)
    if not statements:
        return [heading, new]
    empty = [] if not statements[-1].text.strip() else [Statement("\n", table)]
    return [*statements[:-1], _ended(statements[-1]), *empty, heading, new]


def _ended(one: Statement) -> Statement:
    """Return a statement whose last line has an end."""
    if one.text.endswith(("\n", "\r")):
        return one
    return Statement(one.text + "\n", one.table, one.key, one.value, one.heading)


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        data = data.setdefault(name, {})
        if not isinstance(data, dict):
            raise SettingsError(f"{'.'.join(path)}: {name} is no table")
    if value is None:
        data.pop(path[-1], None)
    else:
        data[path[-1]] = value


def _without_empty(data: Any) -> Any:
    """Return data without tables that hold nothing: with or without them it means the same."""
    if not isinstance(data, dict):
        return data
    found = {name: _without_empty(value) for name, value in data.items()}
    return {name: value for name, value in found.items() if value != {}}
