"""Write TOML in the shape of our own files: small facts as one-line tables, quickly.

tomli-w gives every inner table its own heading, and an image's parameter file is written after
every script of every batch: this writer takes a fraction of its time.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z").match
_KEYS_KNOWN = 4096
"""So many keys are remembered as they are written."""

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


def format_key(key: str) -> str:
    """Return a key, quoted if it must be."""
    return _KEYS[key]


class _Keys(dict[str, str]):
    """Keys as they are written; most have been written before."""

    def __missing__(self, key: str) -> str:
        if len(self) >= _KEYS_KNOWN:
            self.clear()
        self[key] = written = key if _BARE_KEY(key) else _write_text(key)
        return written


_KEYS = _Keys()


def format_value(value: Any) -> str:
    """Return a value as TOML writes it in one line."""
    return _WRITERS[type(value)](value)


def _write_text(value: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML does not take as it is.
    text = encode_basestring(value)
    return text.replace("\x7f", "\\u007f") if "\x7f" in text else text


def _write_flag(value: bool) -> str:
    return "true" if value else "false"


def _write_inner(value: Table) -> str:
    members = [f"{_KEYS[k]} = {_WRITERS[type(v)](v)}" for k, v in value.items() if v is not None]
    return f"{{{', '.join(members)}}}"


def _write_list(value: Sequence[Any]) -> str:
    return f"[{', '.join(map(format_value, value))}]"


_KINDS: Sequence[tuple[Any, Callable[[Any], str]]] = (
    (str, _write_text),
    (int, lambda value: repr(int(value))),
    (float, lambda value: repr(float(value))),
    (Mapping, _write_inner),
    ((list, tuple), _write_list),
)


class _Writers(dict[type, Callable[[Any], str]]):
    """What writes values, by their type; types derived from those that TOML knows are added."""

    def __missing__(self, found: type) -> Callable[[Any], str]:
        for kind, write in _KINDS:
            if issubclass(found, kind):
                self[found] = write
                return write
        raise TypeError(f"TOML holds no {found.__name__}")


_WRITERS = _Writers({
    str: _write_text, bool: _write_flag, int: repr, float: repr,
    dict: _write_inner, list: _write_list, tuple: _write_list,
})  # fmt: skip


def _format_table(heading: tuple[str, ...], table: Table) -> str:
    lines = [f"{_KEYS[k]} = {_WRITERS[type(v)](v)}\n" for k, v in table.items() if v is not None]
    return f"[{'.'.join([_KEYS[part] for part in heading])}]\n{''.join(lines)}"
