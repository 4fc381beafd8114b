"""What the command line's tests speak of."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a command gave.

    Args:
        code: Exit code.
        out: Standard output.
        err: Standard error.
    """

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON (Any: JSON's own variety); nothing else may stand in it."""
        return json.loads(self.out)


Command = Callable[..., Answer]
"""Runs one command."""
