"""Write the table of a stack's frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cryobatch.formats.star import StarTable, StarValue, star_list, write_star
from cryobatch.scripts.unpacking.frames import FrameStatistics
from cryobatch.scripts.unpacking.stack import StackReport


@dataclass(frozen=True, slots=True)
class StackFacts:
    """What later scripts must know of a stack; RELION's words for it in the table.

    Args:
        movie: Path of the recording.
        shape: ``(frames, rows, columns)`` of the stack.
        pixel_size_angstrom: Of the stack.
        frames: Which frames of the movie (of an EER: dose fractions), counted from 0.
        dose_per_frame: e/Å² of a frame of the stack, None when unknown.
        pre_exposure: e/Å² before its first frame, None when unknown.
        eer_grouping: Hardware frames of a dose fraction; None when it is no EER.
        eer_upsampling: Of an EER.
    """

    movie: Path
    shape: tuple[int, int, int]
    pixel_size_angstrom: float
    frames: range
    dose_per_frame: float | None
    pre_exposure: float | None
    eer_grouping: int | None
    eer_upsampling: int


def write_frame_table(path: Path, facts: StackFacts, report: StackReport) -> None:
    """Write ``frames.star``.

    Blocks: ``general`` (RELION's labels), ``frames`` (counts of each frame, gain-corrected and
    repaired; numbers from 1), ``hot_pixels`` (x and y, from the centre of pixel (0, 0)).
    """
    blocks = {"general": star_list(**_general(facts)), "frames": _frames(report.statistics)}
    if report.hot is not None:
        rows, columns = np.divmod(np.flatnonzero(report.hot), facts.shape[2])
        blocks["hot_pixels"] = StarTable(
            {
                "rlnCoordinateX": columns.astype(float).tolist(),
                "rlnCoordinateY": rows.astype(float).tolist(),
            }
        )
    write_star(path, blocks)


def _general(facts: StackFacts) -> dict[str, StarValue]:
    frames, rows, columns = facts.shape
    found: dict[str, StarValue] = {
        "rlnImageSizeX": columns,
        "rlnImageSizeY": rows,
        "rlnImageSizeZ": frames,
        "rlnMicrographMovieName": str(facts.movie),
        "rlnMicrographOriginalPixelSize": facts.pixel_size_angstrom,
        "rlnMicrographStartFrame": facts.frames[0] + 1,
    }
    if facts.dose_per_frame is not None:
        found["rlnMicrographDoseRate"] = facts.dose_per_frame
    if facts.pre_exposure is not None:
        found["rlnMicrographPreExposure"] = facts.pre_exposure
    if facts.eer_grouping is not None:
        found["rlnEERUpsampling"] = facts.eer_upsampling
        found["rlnEERGrouping"] = facts.eer_grouping
    return found


def _frames(statistics: Sequence[FrameStatistics]) -> StarTable:
    return StarTable(
        {
            "cryobatchFrameNumber": list(range(1, len(statistics) + 1)),
            "cryobatchMean": [frame.mean for frame in statistics],
            "cryobatchDeviation": [frame.deviation for frame in statistics],
            "cryobatchMinimum": [frame.minimum for frame in statistics],
            "cryobatchMaximum": [frame.maximum for frame in statistics],
        }
    )
