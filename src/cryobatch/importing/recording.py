"""Recordings: what an import finds, before it is an image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryobatch.importing.doubts.disagreement import Disagreement
from cryobatch.model.image import Fact
from cryobatch.model.overview import Overview


@dataclass(frozen=True, slots=True)
class Recording:
    """A complete recording that can be registered as an image.

    Args:
        path: The file, absolute.
        name: Its file name without extension, made file-safe.
        group: Name of the group that it belongs to, file-safe.
        root_product: "movie", or "micrograph" for a single 2-D frame.
        rows: Height in pixels.
        columns: Width in pixels.
        frames: Frames in the file.
        recorded_at: ISO 8601, None when the recording does not say.
        facts: What header and metadata say, by name, with their sources.
        source_id: Identity: the same recording again has the same (see ``identity``).
        remarks: What a person should know, such as metadata that could not be read.
        lacks: Metadata that should be there and are not, in words; empty when nothing lacks.
            Whoever can wait for them should.
        metadata: The files that the facts come from.
        disagreements: Where its own sources say different things.
        overviews: Pictures of the grid where it was recorded.
    """

    path: Path
    name: str
    group: str
    root_product: str
    rows: int
    columns: int
    frames: int
    recorded_at: str | None
    facts: Mapping[str, Fact]
    source_id: str
    remarks: tuple[str, ...] = ()
    lacks: str = ""
    metadata: tuple[Path, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    overviews: tuple[Overview, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that looks like a recording and cannot be used, with the reason."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in some folders and files.

    Args:
        recordings: Complete ones, by path.
        refused: Broken or unfinished ones; they stay where they are, and importing again tries
            them again.
        ignored_count: Other files, which nobody asked for.
    """

    recordings: tuple[Recording, ...] = ()
    refused: tuple[Refused, ...] = field(default_factory=tuple)
    ignored_count: int = 0
