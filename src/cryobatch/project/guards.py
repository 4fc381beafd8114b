"""The session's guard: what results say is wrong with a whole session, told once a cause."""

import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from cryobatch.errors import CryobatchError, ProjectError, UsageError
from cryobatch.importing.doubts.session_checks import (
    Alarm,
    Evidence,
    Stated,
    judge_dose,
    judge_gain,
    measure_usual_fit,
)
from cryobatch.model.event import Level, LogEntry
from cryobatch.model.image import Fact, ImageRecord
from cryobatch.project.correction import Change
from cryobatch.project.gain_contents import GainContents
from cryobatch.project.images import Images
from cryobatch.project.import_guard import DOUBTS
from cryobatch.project.selection import Selection
from cryobatch.store import library, log
from cryobatch.store.log import LogFilter
from cryobatch.store.settings import get_setting, put_setting

LASTING = "alarms"
"""Names, in the database, the causes that were told of and still last."""
LASTING_WORDS = "alarm_words"
"""Names, in the database, the same in words."""
USUAL_FITS = "gain_fits"
"""Names, in the database, how each gain reference has fitted, by its path and content."""
WINDOW, GAIN_WINDOW, DOSE_WINDOW = 40, 10, 9
"""Images that are looked at: so few that a fault which begins now is told of within ten images."""
RECALLED_ROWS = 400
_WATCHED_SCRIPTS = ("unpack", "calculate_statistics")


class SessionGuard:
    """Looks at results as they come, and tells of what is wrong with the whole session."""

    def __init__(self, images: Images) -> None:
        """Recall the last results.

        Args:
            images: The project's.
        """
        self._images = images
        self._database = images.database
        self._contents = GainContents(images)
        self._window: deque[int] = deque(maxlen=WINDOW)
        self._judged: Sequence[Alarm] = ()
        self._marked: set[tuple[str, int]] = set()
        with self._database.reading() as r:
            self._last_row = max(0, log.last_id(r) - RECALLED_ROWS)

    def look(self) -> Sequence[Alarm]:
        """Look at what has come; writes what is new into the log, and marks the images.

        Returns:
            All that is wrong now, also what was told before.
        """
        alarms = list(self._contents.check())
        if self._take_in():
            self._judged = self._judge()
        alarms += self._judged
        self._tell(alarms)
        return alarms

    def _take_in(self) -> bool:
        """Note the images of which there is news."""
        news = False
        with self._database.reading() as r:
            for script in _WATCHED_SCRIPTS:
                rows = log.since(r, self._last_row, only=LogFilter(script=script))
                for row in rows:
                    if row.image_id is not None:
                        news = True
                        if row.image_id in self._window:
                            self._window.remove(row.image_id)
                        self._window.append(row.image_id)
            self._last_row = log.last_id(r)
        return news

    def _judge(self) -> list[Alarm]:
        images = self._evidence()
        if not images:
            return []
        gain = [one for one in images if one.gain_verdict is not None]
        stated = self._learn_fit(gain, self._stated(images[-1].image))
        dose = [one for one in images if one.dose_disagreement is not None]
        alarms = judge_gain(gain[-GAIN_WINDOW:], stated)
        kinds = {alarm.kind for alarm in alarms}
        # What only shows beside other images is looked for among all that are remembered.
        alarms += [a for a in judge_gain(gain, stated) if a.doubt and a.kind not in kinds]
        return [*alarms, *judge_dose(dose[-DOSE_WINDOW:], stated)]

    def _learn_fit(self, images: Sequence[Evidence], stated: Stated) -> Stated:
        """Return what is stated with how the gain reference fits usually, which is remembered."""
        key = f"{stated.gain} {self._contents.digest(stated.gain)}"
        with self._database.reading() as r:
            known = get_setting(r, USUAL_FITS, {})
        usual = measure_usual_fit(images, known.get(key))
        if usual != known.get(key):
            with self._database.transaction() as t:
                put_setting(t, USUAL_FITS, {**get_setting(t, USUAL_FITS, {}), key: usual})
        return replace(stated, usual_fit=usual)

    def _evidence(self) -> list[Evidence]:
        with self._database.reading() as r:
            there = library.places(r, self._window)
            rows = library.rows(r, ids=sorted(there)) if there else []
        return [
            Evidence(
                image=_whole(row["id"]),
                gain_verdict=_text(row.get("gain_verdict")),
                gain_fit=_number(row.get("gain_fit")),
                gain_fit_error=_number(row.get("gain_fit_error")),
                gain_best=_text(row.get("gain_best")),
                dose_disagreement=_number(row.get("dose_disagreement")),
            )
            for row in rows
        ]

    def _stated(self, image: int) -> Stated:
        try:
            record = self._images.record(image)
        except CryobatchError:
            return Stated()
        pixel = record.acquisition.get("pixel_size")
        return Stated(
            gain=str(record.fact("gain") or ""),
            pixel_size=_number(record.fact("pixel_size")),
            pixel_size_sure=pixel is not None and "calibrated" in pixel.source,
            dose_per_frame=_number(record.fact("dose_per_frame")),
        )

    def _tell(self, alarms: Sequence[Alarm]) -> None:
        """Mark the images of each cause, and write it into the log when it begins."""
        for alarm in alarms:
            new = {(alarm.kind, image) for image in alarm.images if alarm.doubt} - self._marked
            mark_images(self._images, alarm.doubt, [image for _, image in new])
            self._marked |= new
        with self._database.reading() as r:
            lasting = set(get_setting(r, LASTING, []))
        kinds = {alarm.kind for alarm in alarms}
        if kinds == lasting:
            return
        fresh = [alarm for alarm in alarms if alarm.kind not in lasting]
        with self._database.transaction() as t:
            put_setting(t, LASTING, sorted(kinds))
            words = {**get_setting(t, LASTING_WORDS, {}), **{a.kind: a.text for a in fresh}}
            put_setting(t, LASTING_WORDS, {k: words[k] for k in words.keys() & kinds})
            log.append(t, [LogEntry(time.time(), a.text, Level.WARNING) for a in fresh])


def note_gains(images: Images, facts: Iterable[Mapping[str, Fact]]) -> list[str]:
    """Remember the gain references of new images, and see whether older ones have changed.

    Args:
        images: The project's, without the new ones.
        facts: Of the new ones.

    Returns:
        What a person should know.
    """
    contents = GainContents(images)
    alarms = list(contents.check())
    for alarm in alarms:
        mark_images(images, alarm.doubt, alarm.images)
    contents.note({str(own["gain"].value) for own in facts if "gain" in own})
    return [alarm.text for alarm in alarms]


def mark_images(images: Images, doubt: str, ids: Collection[int]) -> None:
    """Write a doubt on images, as far as their files can be written."""
    if doubt and ids:
        # The log tells of the cause; the doctor finds files that cannot be written.
        with suppress(ProjectError, UsageError):
            images.update(Selection(images=tuple(sorted(ids))), add_doubt(doubt))


def add_doubt(text: str) -> Change:
    """Return the change that adds a doubt to an image; one that it has already changes nothing."""

    def change(record: ImageRecord) -> ImageRecord:
        present = record.acquisition.get(DOUBTS)
        before = "" if present is None else str(present.value)
        if text in before:
            return record
        words = "; ".join(one for one in (before, text) if one)
        return replace(
            record, acquisition={**record.acquisition, DOUBTS: Fact(words, "the session's guard")}
        )

    return change


def _whole(value: object) -> int:
    return int(str(value))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
