"""Texts and numbers as SQLite can keep them."""

import json
import math
from collections.abc import Mapping


def storable(text: str) -> str:
    """Return a text without what UTF-8 cannot hold, such as bytes of an odd file name."""
    return text.encode("utf-8", "backslashreplace").decode()


def values_to_json(values: Mapping[str, float | int | str | None]) -> str:
    """Return values as JSON, those that are no finite number as null."""
    return json.dumps({name: _finite(value) for name, value in values.items()})


def _finite(value: float | int | str | None) -> float | int | str | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
