"""The simulated microscope: records movies into a folder as EPU does, one every few seconds."""

import argparse
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import numpy as np
import tifffile

from cryobatch.demo.truth import describe_movie, write_truth
from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.formats.mrc import write_image
from cryobatch.imaging.simulate import (
    SimulatedMovie,
    SimulationSettings,
    simulate_movie,
    simulated_camera,
)

SETTINGS = SimulationSettings(defocus_u_angstrom=15_000, particle_diameter_angstrom=130)
GRID_SQUARE = "GridSquare_8170001"
CHUNK_BYTES = 1 << 20

_OBJECTS = "http://schemas.datacontract.org/2004/07/Fei.SharedObjects"
_ARRAYS = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"


def record_session(folder: Path, movies: int, interval_s: float, seed: int) -> None:
    """Record movies, each not before its time.

    Args:
        folder: Takes ``EPU/`` (what a microscope's computer would hold), ``gain.mrc`` and
            ``truth/``.
        movies: How many.
        interval_s: Seconds from one recording to the next.
        seed: Decides everything else.
    """
    data = folder / "EPU" / "Images-Disc1" / GRID_SQUARE / "Data"
    truth = folder / "truth"
    for part in (data, truth):
        part.mkdir(parents=True)
    camera = simulated_camera(SETTINGS, seed)
    write_image(folder / "gain.mrc", camera.gain, SETTINGS.pixel_size_angstrom)
    started = time.monotonic()
    for index in range(movies):
        settings = vary_settings(index, seed)
        movie = simulate_movie(settings, seed + index, camera=camera, threads=1)
        wait = started + index * interval_s - time.monotonic()
        time.sleep(max(0.0, wait))
        moment = datetime.now(UTC)
        stamp = moment.strftime("%Y%m%d_%H%M%S")
        hole = f"FoilHole_{9015000 + index}_Data_9017354_6_{stamp}"
        write_truth(truth, describe_movie(f"{hole}_fractions", movie))
        write_bytes_durably(data / f"{hole}.xml", describe_exposure(settings, moment, index))
        write_movie(data / f"{hole}_fractions.tiff", movie)


def vary_settings(index: int, seed: int) -> SimulationSettings:
    """Return the settings of one recording: defocus, astigmatism and drift vary."""
    random = np.random.default_rng([seed, index])
    mean = random.uniform(9_000, 22_000)
    half = random.uniform(50, 400)
    return replace(
        SETTINGS,
        defocus_u_angstrom=mean + half,
        defocus_v_angstrom=mean - half,
        defocus_angle_degrees=random.uniform(0, 180),
        drift_angstrom=random.uniform(4, 16),
        local_motion_angstrom=random.uniform(1, 5),
    )


def write_movie(path: Path, movie: SimulatedMovie) -> None:
    """Write a movie in pieces, as a camera does, so that it is unfinished for a while.

    TIFF's first row is the top one and ours the bottom one, so frames are written upside down.
    """
    beside = path.with_suffix(".whole")
    tifffile.imwrite(
        beside, movie.frames[:, ::-1], photometric="minisblack", compression="lzw", metadata=None
    )
    with beside.open("rb") as source, path.open("wb") as target:
        while piece := source.read(CHUNK_BYTES):
            target.write(piece)
            target.flush()
            time.sleep(0.02)
    beside.unlink()


def describe_exposure(settings: SimulationSettings, moment: datetime, index: int) -> bytes:
    """Return the XML that EPU would write beside a movie."""
    root = Element(f"{{{_OBJECTS}}}MicroscopeImage")
    custom = SubElement(root, f"{{{_OBJECTS}}}CustomData")
    dose = settings.dose_per_frame * settings.frames * 1e20
    defocus = -(settings.defocus_u_angstrom + settings.defocus_v_angstrom) / 2 * 1e-10
    for key, value in (("Dose", dose), ("AppliedDefocus", defocus)):
        pair = SubElement(custom, f"{{{_ARRAYS}}}KeyValueOfstringanyType")
        SubElement(pair, f"{{{_ARRAYS}}}Key").text = key
        SubElement(pair, f"{{{_ARRAYS}}}Value").text = repr(value)
    _put(root, "SpatialScale/pixelSize/x/numericValue", settings.pixel_size_angstrom * 1e-10)
    _put(root, "microscopeData/gun/AccelerationVoltage", settings.voltage_kv * 1e3)
    _put(root, "microscopeData/optics/TemMagnification/NominalMagnification", 105_000)
    _put(root, "microscopeData/stage/Position/X", 1e-6 * (index % 4))
    _put(root, "microscopeData/stage/Position/Y", 1e-6 * (index // 4))
    _put(root, "microscopeData/acquisition/acquisitionDateTime", moment.isoformat())
    _put(root, "microscopeData/acquisition/camera/Name", "Simulated")
    _put(root, "microscopeData/acquisition/camera/ExposureTime", settings.frames * 0.1)
    _put(root, "microscopeData/acquisition/camera/Binning/x", 1)
    _put(root, "microscopeData/acquisition/camera/ReadoutArea/width", settings.columns)
    _put(root, "microscopeData/instrument/InstrumentModel", "cryobatch simulator")
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _put(root: Element, place: str, value: object) -> None:
    element = root
    for step in place.split("/"):
        tag = f"{{{_OBJECTS}}}{step}"
        found = element.find(tag)
        element = SubElement(element, tag) if found is None else found
    element.text = repr(value) if isinstance(value, float) else str(value)


def main() -> None:
    """Record a session."""
    parser = argparse.ArgumentParser(description="Record simulated movies.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--movies", type=int, default=12)
    parser.add_argument("--interval", type=float, default=2.5)
    parser.add_argument("--seed", type=int, default=20)
    arguments = parser.parse_args()
    record_session(arguments.folder, arguments.movies, arguments.interval, arguments.seed)


if __name__ == "__main__":
    main()
