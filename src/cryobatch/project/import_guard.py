"""The import's guard: finds gain references, doubts what cannot be true, tells of each once."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cryobatch.importing import Recording
from cryobatch.importing.doubts.checks import Geometry, doubt_frame_size, doubt_pixel_size
from cryobatch.importing.doubts.gain_search import GainSearch, find_lost, search_gain
from cryobatch.model.image import Fact
from cryobatch.model.settings import SiteSettings
from cryobatch.project.site import calibrate
from cryobatch.store.database import Database
from cryobatch.store.settings import get_setting, put_setting

DOUBTS = "doubts"
FOUND_NEAR = "found near the recordings"
TOLD = "told_doubts"
"""Names, in the database, what was told of new images."""


def complete_facts(
    recording: Recording,
    facts: Mapping[str, Fact],
    site: SiteSettings,
    earlier: Callable[[], Iterable[Path]] = tuple,
) -> dict[str, Fact]:
    """Return facts with the gain reference that was found, and with what is doubtful.

    Args:
        recording: It is about to be an image.
        facts: What is known about it.
        site: Knows cameras, calibrations and the folder of gains.
        earlier: Gives the gain references that earlier images have.
    """
    completed = dict(facts)
    doubts: list[str | None] = []
    if recording.root_product == "movie" and "gain" not in facts:
        stated, applied = facts.get("gain_stated"), facts.get("gain_applied")
        found = search_gain(
            recording.path, recording.rows, recording.columns,
            stated=None if stated is None else str(stated.value),
            applied=None if applied is None else bool(applied.value),
            folder=None if site.gain_folder is None else Path(site.gain_folder),
        )  # fmt: skip
        if found.path is None and not (applied is not None and applied.value):
            lost = find_lost(recording.path, earlier())
            if lost is not None:
                problem = f"its gain reference {lost} is gone: put it back, or give another"
                found = GainSearch(lost, problem)
        if found.path is not None:
            completed["gain"] = Fact(str(found.path), FOUND_NEAR)
        doubts.append(found.problem)
    geometry = Geometry(recording.rows, recording.columns)
    doubts.append(doubt_frame_size(geometry, facts, site.cameras))
    pixel = calibrate(site, facts).get("pixel_size")
    doubts.append(doubt_pixel_size(facts, None if pixel is None else float(pixel)))
    words = "; ".join(doubt for doubt in doubts if doubt)
    if words and DOUBTS not in facts:
        completed[DOUBTS] = Fact(words, "the import's checks")
    return completed


def remark_on(database: Database, facts: Iterable[Mapping[str, Fact]], *, once: bool) -> list[str]:
    """Return what a person should know of new images' gain references and doubts.

    Args:
        database: Remembers what was told.
        facts: Of the new images.
        once: Whether what this project has told of is not told again.
    """
    counts: dict[str, int] = {}
    for own in facts:
        gain, doubts = own.get("gain"), own.get(DOUBTS)
        if gain is not None and gain.source == FOUND_NEAR:
            text = f"{gain.value} is taken as gain reference: no other was given"
            counts[text] = counts.get(text, 0) + 1
        if doubts is not None and doubts.value:
            counts[str(doubts.value)] = counts.get(str(doubts.value), 0) + 1
    if not counts:
        return []
    with database.transaction() as t:
        told = set(get_setting(t, TOLD, []))
        put_setting(t, TOLD, sorted(told | counts.keys()))
    fresh = {text: n for text, n in counts.items() if not (once and text in told)}
    return [text if n == 1 else f"{text} ({n} images)" for text, n in fresh.items()]
