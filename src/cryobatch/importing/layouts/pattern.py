"""Name patterns: facts and groups from the names that a laboratory gives its files."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from cryobatch.errors import UnknownNameError, UsageError
from cryobatch.formats.movie import recording_kind, recording_stem
from cryobatch.importing.facts import sensible_facts
from cryobatch.model.facts import FACTS
from cryobatch.model.image import Fact

SOURCE = "file name"
_PART = re.compile(r"\{(\w*)\}|(\*)")
_OTHER_NAMES = {
    "square": "grid_square", "hole": "foil_hole", "number": "exposure_number",
    "tilt": "tilt_angle", "label": "navigator_label",
}  # fmt: skip
_GROUP = "group"
MOST_TEXTS = 5
"""With more parts of any length a long name could be cut up in too many ways to be tried."""
_TEXTS = {
    "float": r"[+-]?\d+(?:\.\d+)?", "int": r"\d+", "str": r"[^/]+?", "file": r"[^/]+?",
    "bool": r"yes|no|true|false|[01]",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """What a file's name says by a pattern.

    Args:
        facts: Acquisition facts.
        group: Name of its group, None where the pattern says nothing of it.
    """

    facts: dict[str, Fact] = field(default_factory=dict)
    group: str | None = None


@dataclass(frozen=True, slots=True)
class NamePattern:
    """A pattern such as ``{grid}_{square}_{number}``, or ``{grid}/{square}_*``.

    Args:
        text: The pattern as a person wrote it.
        expression: The same as a regular expression for the end of a path without extension.
        parts: Names of its parts: facts, or "group".
        folders: How many folders it looks at.
    """

    text: str
    expression: re.Pattern[str]
    parts: tuple[str, ...]
    folders: int

    def read(self, path: Path) -> Named | None:
        """Return what a recording's path says, None where it does not fit the pattern."""
        match = self.expression.fullmatch(self.text_of(path))
        if match is None:
            return None
        found = {name: match[number] for number, name in enumerate(self.parts, start=1)}
        group = found.pop(_GROUP, None)
        if group is None:
            named = [found[name] for name in ("grid", "grid_square") if name in found]
            group = "_".join(named) or None
        return Named(sensible_facts(dict(found), SOURCE), group)

    def text_of(self, path: Path) -> str:
        """Return what of a path the pattern is compared with: its end without extension."""
        stem = recording_stem(path.name) if recording_kind(path.name) else path.stem
        ends = [*path.parts[:-1][-self.folders :], stem] if self.folders else [stem]
        return "/".join(ends)

    def split(self, path: Path) -> list[tuple[str, str | None]] | None:
        """Return the text of a path cut up by the pattern, None where it does not fit.

        Returns:
            Pieces in order: each text with the name of its part, None between parts.
        """
        text = self.text_of(path)
        match = self.expression.fullmatch(text)
        if match is None:
            return None
        pieces: list[tuple[str, str | None]] = []
        place = 0
        for number, name in enumerate(self.parts, start=1):
            pieces += [(text[place : match.start(number)], None), (match[number], name)]
            place = match.end(number)
        return [(piece, name) for piece, name in (*pieces, (text[place:], None)) if piece]


def parse_pattern(text: str) -> NamePattern:
    """Return a pattern.

    Args:
        text: Named parts in braces, ``*`` for anything, ``/`` between folders; all else stands for
            itself. A part is an acquisition fact (``{tilt_angle}``), a short name of one
            (``{square}``, ``{hole}``, ``{number}``, ``{tilt}``, ``{label}``), or ``{group}``.

    Raises:
        UsageError: It has no part, one twice, or one that nobody knows.
    """
    expression, parts, place = "", [], 0
    for match in _PART.finditer(text):
        expression += re.escape(text[place : match.start()])
        place = match.end()
        if match[2]:
            expression += "[^/]*?"
            continue
        name = _OTHER_NAMES.get(match[1], match[1])
        if name != _GROUP and name not in FACTS:
            known = [_GROUP, *_OTHER_NAMES, *FACTS]
            raise UnknownNameError("part of a name pattern", match[1], known)
        if name in parts:
            raise UsageError(f"name pattern {text!r}: {{{match[1]}}} stands there twice")
        parts.append(name)
        kind = "str" if name == _GROUP else FACTS[name].kind
        expression += f"({_TEXTS[kind]})"
    if not parts:
        raise UsageError(f"name pattern {text!r}: write parts in braces: {{grid}}_{{square}}_*")
    if expression.count("]+?") + expression.count("]*?") > MOST_TEXTS:
        raise UsageError(
            f"name pattern {text!r}: has more than {MOST_TEXTS} parts of any text; leave some out"
        )
    expression += re.escape(text[place:])
    return NamePattern(text, re.compile(expression, re.IGNORECASE), tuple(parts), text.count("/"))
