"""Bring together what is known about a recording, the most certain first."""

from collections.abc import Iterable, Mapping

from cryobatch.errors import UsageError
from cryobatch.formats.epu import EpuExposure
from cryobatch.formats.movie import RecordingHeader
from cryobatch.model.facts import check_fact
from cryobatch.model.image import Fact, FactValue

SENSIBLE_PIXEL_SIZES = (0.05, 50.0)
"""Å. Programs that know no pixel size write 0, 1 or a printer's resolution into the header."""


def name_source(values: Mapping[str, FactValue], source: str) -> dict[str, Fact]:
    """Return facts that all come from one source."""
    return {name: Fact(value, source) for name, value in values.items()}


def option_facts(values: Mapping[str, FactValue]) -> dict[str, Fact]:
    """Return facts that a person gave as options, each with its option as its source."""
    return {
        name: Fact(value, f"option --{name.replace('_', '-')}") for name, value in values.items()
    }


def header_facts(header: RecordingHeader) -> dict[str, Fact]:
    """Return what a recording's own header says; of an EER, what its XML says too."""
    facts: dict[str, FactValue] = {"frames": header.frames}
    pixel = header.pixel_size_angstrom
    low, high = SENSIBLE_PIXEL_SIZES
    if pixel is not None and low <= pixel <= high and pixel != 1.0:
        facts["pixel_size"] = round(pixel, 6)
    for name, key in {"exposure_time": "exposureTime", "dose_rate": "meanDoseRate"}.items():
        number = _number(header.metadata.get(key))
        if number is not None:
            facts[name] = number
    for name, key in {"camera": "commercialName", "gain_stated": "eerGainReference"}.items():
        if text := header.metadata.get(key):
            facts[name] = text
    return sensible_facts(facts, f"{header.kind.upper()} header")


def epu_facts(exposure: EpuExposure, columns: int, source: str) -> dict[str, Fact]:
    """Return what EPU's XML says of a recording.

    Args:
        exposure: The XML.
        columns: Width of the recording, which decides its pixel size.
        source: Names the XML.
    """
    facts = dict(exposure.facts)
    pixel = exposure.pixel_size_at(columns)
    if pixel is not None:
        facts["pixel_size"] = pixel
    super_resolution = exposure.is_super_resolution(columns)
    if super_resolution is not None:
        facts["super_resolution"] = super_resolution
    return sensible_facts(facts, source)


def first_of(layers: Iterable[Mapping[str, Fact]]) -> dict[str, Fact]:
    """Return every fact from the first layer that has it."""
    merged: dict[str, Fact] = {}
    for layer in layers:
        merged = {**layer, **merged}
    return merged


def merge_facts(*layers: Mapping[str, Fact], frames: int) -> dict[str, Fact]:
    """Return every fact from the first layer that has it.

    What follows from others is added: the dose of a frame from that of all frames, the exposure
    before a tilt from the frames before it.

    Args:
        layers: Facts by name, the most certain first.
        frames: Frames of the recording.
    """
    merged = first_of(layers)
    total = merged.get("total_dose")
    if "dose_per_frame" not in merged and total is not None and float(total.value) > 0:
        whole = exposed_frames(merged, frames)
        source = f"total_dose ({total.source}) / {whole} frames"
        merged |= sensible_facts({"dose_per_frame": float(total.value) / whole}, source)
    before, dose = merged.get("frames_before"), merged.get("dose_per_frame")
    if "pre_exposure" not in merged and before is not None and dose is not None:
        source = f"frames_before ({before.source}) x dose_per_frame ({dose.source})"
        value = float(before.value) * float(dose.value)
        merged |= sensible_facts({"pre_exposure": value}, source)
    return merged


def exposed_frames(facts: Mapping[str, Fact], frames: int) -> int:
    """Return how many frames share the dose of an exposure: also those that the file has not."""
    expected = facts.get("frames_expected")
    return frames if expected is None else max(frames, int(expected.value))


def sensible_facts(values: Mapping[str, FactValue], source: str) -> dict[str, Fact]:
    """Return the facts that can be true: a wrong header costs the fact, not the image."""
    facts = {}
    for name, value in values.items():
        try:
            facts[name] = Fact(check_fact(name, value), source)
        except UsageError:
            continue
    return facts


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
