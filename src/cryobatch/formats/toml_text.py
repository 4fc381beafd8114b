"""Write TOML in the shape of our own files: small facts as one-line tables, quickly.

tomli-w gives every inner table its own heading, and an image's parameter file is written after
every script of every batch: this writer takes a fraction of its time.
"""

import re
from collections.abc import Iterator, Mapping
from json.encoder import encode_basestring
from typing import Any

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z").match

Table = Mapping[str, Any]
"""A table of TOML (Any: TOML's own variety of values)."""


def format_tables(tables: Mapping[tuple[str, ...], Table]) -> str:
    """Return the text of a TOML file.

    Args:
        tables: Each table under its heading's parts: ``("runs", "fit_ctf")`` is
            ``[runs.fit_ctf]``. Tables inside of them are written in one line. None is left out:
            TOML has no word for it.
    """
    return "\n".join("".join(_format_table(heading, table)) for heading, table in tables.items())


def format_key(key: str) -> str:
    """Return a key, quoted if it must be."""
    return key if _BARE_KEY(key) else format_value(key)


def format_value(value: Any) -> str:
    """Return a value as TOML writes it in one line."""
    if isinstance(value, str):
        # JSON's escapes are TOML's, but for DEL, which TOML does not take as it is.
        return encode_basestring(value).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, Mapping):
        members = (
            f"{format_key(k)} = {format_value(v)}" for k, v in value.items() if v is not None
        )
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(format_value, value)) + "]"
    raise TypeError(f"TOML holds no {type(value).__name__}: {value!r}")


def _format_table(heading: tuple[str, ...], table: Table) -> Iterator[str]:
    yield f"[{'.'.join(map(format_key, heading))}]\n"
    for key, value in table.items():
        if value is not None:
            yield f"{format_key(key)} = {format_value(value)}\n"
