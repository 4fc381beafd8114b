"""Compare a movie's number of frames with what it should be."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median_low

from cryobatch.formats.movie import recording_kind
from cryobatch.importing.recording import Recording
from cryobatch.model.image import Fact

LEAST_NEIGHBOURS = 3
"""Of fewer nobody knows which of them is the usual one."""
_EER_SHARE = 0.98
"""A camera that counts its own frames has a few more or less in each exposure."""


def expect_frames(recording: Recording, neighbours: Sequence[int]) -> Recording:
    """Return a recording that knows how many frames it should have, with a remark if it has fewer.

    What its metadata state comes first, then what is usual among its neighbours.

    Args:
        recording: A movie; others are left alone.
        neighbours: Frames of other movies of its group.
    """
    if recording.root_product != "movie":
        return recording
    expected = recording.facts.get("frames_expected") or _usual(recording, neighbours)
    if expected is None or recording.frames >= int(expected.value):
        return recording
    text = f"has {recording.frames} of {expected.value} frames ({expected.source})"
    return replace(
        recording,
        facts={**recording.facts, "frames_expected": expected},
        remarks=(*recording.remarks, text),
    )


def _usual(recording: Recording, neighbours: Sequence[int]) -> Fact | None:
    if len(neighbours) < LEAST_NEIGHBOURS:
        return None
    usual = median_low(neighbours)
    if recording_kind(recording.path.name) == "eer" and recording.frames >= _EER_SHARE * usual:
        return None
    return Fact(usual, f"usual in {recording.group}")
