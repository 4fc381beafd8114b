"""Say as values how well a movie's counts show the pattern of its gain reference."""

from cryobatch.imaging.gain_orientation import GainEvidence, Orientation, turn_further
from cryobatch.model import Absent

NO_GAIN = "no gain reference was applied"
NO_PATTERN = "the gain reference has no pattern, or nothing was counted"


def gain_values(
    evidence: GainEvidence | None, configured: Orientation, *, applied: bool
) -> dict[str, object]:
    """Return the script's values about the gain reference.

    Args:
        evidence: What the raw counts say, None when they say nothing.
        configured: How the reference was turned.
        applied: Whether there was one.
    """
    if evidence is None:
        why = Absent(NO_PATTERN if applied else NO_GAIN)
        return dict.fromkeys(("gain_fit", "gain_fit_error", "gain_verdict", "gain_best"), why)
    best = turn_further(configured, evidence.best)
    return {
        "gain_fit": evidence.fit,
        "gain_fit_error": evidence.error,
        "gain_verdict": str(evidence.verdict),
        "gain_best": f"gain_rotation={best.rotation} gain_flip={best.flip}",
    }
