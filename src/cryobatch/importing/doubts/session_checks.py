"""Judge a session by its last images: gain reference, dose. Alarms name what is suspect."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_WRONG = 2
"""Images whose gain is certainly wrong, before a session is told of: one may be a stray."""
LEAST_DOSES = 5
MOST_DOSE_DISAGREEMENT = 30.0
"""%, of the median: FORMATS' rule. Ice and camera take up to a quarter of the electrons."""
USUAL_SHARE = 0.7
"""Of the gain's usual fit; an image below it was recorded with another state of the camera."""
CERTAIN_ERRORS = 8.0
TURNED, FOREIGN = "turned", "foreign"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an image's results say of how it was recorded; None for what is not known.

    Args:
        image: Its id.
        gain_verdict: Of `cryobatch.imaging.gain_orientation`.
        gain_fit: How much of the gain's pattern its counts show.
        gain_fit_error: Standard error of that.
        gain_best: The orientation that fits best, in words.
        dose_disagreement: Measured less stated dose, % of the stated one.
    """

    image: int
    gain_verdict: str | None = None
    gain_fit: float | None = None
    gain_fit_error: float | None = None
    gain_best: str | None = None
    dose_disagreement: float | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that is wrong with a session.

    Args:
        kind: The same for the same cause: told once.
        text: What a person should know and do.
        images: Those that it is about.
        doubt: What to write on these; empty where their own results say it.
    """

    kind: str
    text: str
    images: tuple[int, ...]
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Stated:
    """What is taken as known of the images, for the words of an alarm.

    Args:
        gain: Path of the gain reference.
        pixel_size: Å.
        pixel_size_sure: Whether it is the site's calibrated one.
        dose_per_frame: e/Å².
        usual_fit: How the gain reference has fitted earlier images, None when nobody knows.
    """

    gain: str = ""
    pixel_size: float | None = None
    pixel_size_sure: bool = False
    dose_per_frame: float | None = None
    usual_fit: float | None = None


def judge_gain(images: Sequence[Evidence], stated: Stated) -> list[Alarm]:
    """Return what the last images say against the gain reference.

    Args:
        images: The last ones, oldest first.
        stated: What is taken as known.
    """
    judged = [one for one in images if one.gain_verdict is not None]
    alarms = []
    turned = [one for one in judged if one.gain_verdict == TURNED]
    if len(turned) >= LEAST_WRONG:
        best = statistics.mode(str(one.gain_best) for one in turned)
        alarms.append(
            Alarm(f"gain turned: {best}", _turned(turned, judged, best, stated), _ids(turned))
        )
    foreign = [one for one in judged if one.gain_verdict == FOREIGN]
    if len(foreign) >= LEAST_WRONG:
        alarms.append(Alarm("gain foreign", _foreign(foreign, judged, stated), _ids(foreign)))
    weak = find_weakened(judged, stated.usual_fit)
    if weak:
        doubt = "the gain reference fits it less than the other images"
        alarms.append(Alarm("gain weakened", _weakened(weak, judged, stated), _ids(weak), doubt))
    return alarms


def find_weakened(images: Sequence[Evidence], usual_fit: float | None) -> list[Evidence]:
    """Return the images that the gain reference fits, and clearly less than it fits others."""
    usual = measure_usual_fit(images, usual_fit)
    if usual is None:
        return []
    return [
        one
        for one in _fitting(images)
        if float(one.gain_fit or 0.0) < USUAL_SHARE * usual
        and usual - float(one.gain_fit or 0.0) > CERTAIN_ERRORS * float(one.gain_fit_error or 0.0)
    ]


def measure_usual_fit(images: Sequence[Evidence], before: float | None) -> float | None:
    """Return how a gain reference fits when all is right: as it fits most images, now or before.

    Args:
        images: The last ones.
        before: What it was before; it does not become less, or the first images after a change
            would be all that is ever noticed of it.
    """
    fits = sorted(float(one.gain_fit or 0.0) for one in _fitting(images))
    if len(fits) < LEAST_DOSES:
        return before
    now = fits[3 * len(fits) // 4]
    return now if before is None else max(now, before)


def _fitting(images: Sequence[Evidence]) -> list[Evidence]:
    spoilt = {TURNED, FOREIGN}
    return [one for one in images if one.gain_verdict not in spoilt and one.gain_fit is not None]


def judge_dose(images: Sequence[Evidence], stated: Stated) -> list[Alarm]:
    """Return what the last images say against the stated dose.

    One dark image says nothing; the median of several does.
    """
    known = [one for one in images if one.dose_disagreement is not None]
    if len(known) < LEAST_DOSES:
        return []
    middle = statistics.median(float(one.dose_disagreement or 0.0) for one in known)
    if abs(middle) <= MOST_DOSE_DISAGREEMENT:
        return []
    wrong = [
        one for one in known if abs(float(one.dose_disagreement or 0.0)) > MOST_DOSE_DISAGREEMENT
    ]
    ratio = max(1.0 + middle / 100.0, 1e-6)
    text = (
        f"the measured dose is {ratio:.2g} times the stated one (median of {len(known)} images); "
        f"suspects: {'; '.join(_dose_suspects(ratio, known, stated))}"
    )
    direction = "more" if middle > 0 else "less"
    return [Alarm(f"dose {direction}", text, _ids(wrong))]


def _dose_suspects(ratio: float, images: Sequence[Evidence], stated: Stated) -> list[str]:
    """Return the suspects, the likeliest first."""
    gain = any(one.gain_verdict in {TURNED, FOREIGN} for one in images)
    pixel, dose = "the pixel size", "the dose per frame"
    if stated.pixel_size is not None:
        right = stated.pixel_size * math.sqrt(ratio)
        pixel += f" ({stated.pixel_size:.4g} Å is stated, {right:.3g} Å would agree)"
    if stated.dose_per_frame is not None:
        right = stated.dose_per_frame * ratio
        dose += f" ({stated.dose_per_frame:.3g} e/Å² is stated, {right:.3g} would agree)"
    by_two = any(abs(ratio / factor - 1.0) < 0.35 for factor in (0.0625, 0.25, 4.0, 16.0))
    both = [pixel, dose] if by_two and not stated.pixel_size_sure else [dose, pixel]
    rest = ["the gain reference", *(["a blocked beam"] if ratio < 1.0 else [])]
    return ["the gain reference, which does not fit", *both, *rest[1:]] if gain else [*both, *rest]


def _turned(
    turned: Sequence[Evidence], judged: Sequence[Evidence], best: str, stated: Stated
) -> str:
    return (
        f"the gain reference {stated.gain} is turned wrongly: the counts of {len(turned)} of the "
        f"last {len(judged)} images fit {best}; correct it with 'cryobatch image set {best} --all' "
        "and in project.toml, then process them again"
    )


def _foreign(foreign: Sequence[Evidence], judged: Sequence[Evidence], stated: Stated) -> str:
    since = foreign[0].image
    before = any(one.image < since and one.gain_verdict == "fits" for one in judged)
    when = f"fits no more since image {since}" if before else "fits in no orientation"
    return (
        f"the gain reference {stated.gain} {when} ({len(foreign)} of the last {len(judged)} "
        "images): suspect a reference that was renewed, one of another camera, or frames that are "
        "corrected already"
    )


def _weakened(weak: Sequence[Evidence], judged: Sequence[Evidence], stated: Stated) -> str:
    fit = statistics.median(float(one.gain_fit or 0.0) for one in weak)
    return (
        f"the gain reference {stated.gain} fits {len(weak)} of the last {len(judged)} images less "
        f"than the others ({fit:.0%} of its pattern shows), first image {weak[0].image}: suspect "
        "that it was renewed in mid-session"
    )


def _ids(images: Sequence[Evidence]) -> tuple[int, ...]:
    return tuple(one.image for one in images)
