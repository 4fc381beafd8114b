"""Write TOML in the shape of our own files: small facts as one-line tables, quickly.

tomli-w gives every inner table its own heading, and an image's parameter file is written after
every script of every batch: this writer takes a fraction of its time.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z").match
_KEYS_KNOWN = 4096

Table = Mapping[str, Any]
"""A table of TOML (Any: TOML's own variety of values)."""


def format_tables(tables: Mapping[tuple[str, ...], Table]) -> str:
    """Return the text of a TOML file.

    Args:
        tables: Each table under its heading's parts: ``("runs", "fit_ctf")`` is
            ``[runs.fit_ctf]``. Tables inside of them are written in one line. None is left out:
            TOML has no word for it.
    """
    return "\n".join(_format_table(heading, table) for heading, table in tables.items())


@lru_cache(_KEYS_KNOWN)
def format_key(key: str) -> str:
    """Return a key, quoted if it must be."""
    return key if _BARE_KEY(key) else format_value(key)


def format_value(value: Any) -> str:
    """Return a value as TOML writes it in one line."""
    write = _WRITERS.get(type(value))
    return write(value) if write is not None else _write_kind(value)


def _write_text(value: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML does not take as it is.
    text = encode_basestring(value)
    return text.replace("\x7f", "\\u007f") if "\x7f" in text else text


def _write_flag(value: bool) -> str:
    return "true" if value else "false"


def _write_inner(value: Table) -> str:
    members = [f"{format_key(k)} = {format_value(v)}" for k, v in value.items() if v is not None]
    return f"{{{', '.join(members)}}}"


def _write_list(value: Sequence[Any]) -> str:
    return f"[{', '.join(map(format_value, value))}]"


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    str: _write_text, bool: _write_flag, int: repr, float: repr,
    dict: _write_inner, list: _write_list, tuple: _write_list,
}  # fmt: skip
_KINDS: Sequence[tuple[Any, Callable[[Any], str]]] = (
    (str, _write_text),
    (int, lambda value: repr(int(value))),
    (float, lambda value: repr(float(value))),
    (Mapping, _write_inner),
    ((list, tuple), _write_list),
)


def _write_kind(value: Any) -> str:
    """Write what is of a type derived from one that TOML knows."""
    for kind, write in _KINDS:
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"TOML holds no {type(value).__name__}: {value!r}")


def _format_table(heading: tuple[str, ...], table: Table) -> str:
    lines = [f"{format_key(k)} = {format_value(v)}\n" for k, v in table.items() if v is not None]
    return f"[{'.'.join(map(format_key, heading))}]\n{''.join(lines)}"
