"""The script correct_drift: its products, its values, and what it says when it cannot."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.errors import ScriptFailed
from cryobatch.formats.motion_star import read_motion
from cryobatch.formats.mrc import StackWriter, open_stack, read_image
from cryobatch.formats.star import StarTable, star_list, write_star
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.simulate import SimulatedMovie, SimulationSettings, simulate_movie
from cryobatch.model import Absent, Run
from cryobatch.model.declaration import declared_script
from cryobatch.model.value import Result
from cryobatch.processing.workspace import check_values
from cryobatch.scripts.correct_drift import correct_drift
from cryobatch.scripts.drift.products import SpectrumMean

FACTS: Mapping[str, Any] = {"pixel_size": 1.5, "voltage": 300.0, "dose_per_frame": 4.0}
"""Any: facts are of many types."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a run left."""

    folder: Path
    values: Mapping[str, Result]
    messages: list[str]

    def image(self, name: str) -> NDArray[np.float32]:
        """Return one of its images."""
        return read_image(self.folder / f"{name}.mrc")[0]


@pytest.fixture(scope="module")
def movie() -> SimulatedMovie:
    """Return a small bright movie."""
    settings = SimulationSettings(
        rows=320, columns=400, frames=6, dose_per_frame=4.0, local_motion_angstrom=2.0,
        electrons_per_readout=0.0,
    )  # fmt: skip
    return simulate_movie(settings, 11)


def write_stack(path: Path, frames: NDArray[np.float32], pixel_size: float = 1.5) -> Path:
    """Write frames as float16, as unpack does."""
    shape = (frames.shape[0], frames.shape[1], frames.shape[2])
    with StackWriter(path, shape, "float16", pixel_size) as writer:
        for index, frame in enumerate(frames):
            writer.write(index, frame)
    return path


def correct(
    folder: Path,
    frames: NDArray[np.float32],
    *,
    facts: Mapping[str, Any] = FACTS,
    table: Mapping[str, StarTable] | None = None,
    stack_wanted: bool = False,
    **parameters: Any,
) -> Corrected:
    """Run the script on frames, ``(frames, rows, columns)`` (Any: of many types)."""
    declared = declared_script(correct_drift)
    assert declared is not None
    inputs = {"stack": write_stack(folder / "stack.mrc", frames)}
    if table is not None:
        inputs["frames"] = folder / "frames.star"
        write_star(inputs["frames"], table)
    outputs = {name: folder / output.file for name, output in declared.outputs.items()}
    if not stack_wanted:
        outputs.pop("corrected_stack")
    reads = {read.name: facts.get(read.name) for read in declared.reads}
    events: list[Mapping[str, Any]] = []
    run = Run(folder, inputs, outputs, reads, threads=1, report=events.append)
    values = check_values(declared, correct_drift(run, **parameters))
    progress = [event["fraction"] for event in events if event["event"] == "progress"]
    assert progress == sorted(progress)
    return Corrected(folder, values, [e["text"] for e in events if e["event"] == "message"])


def test_a_movie_becomes_a_micrograph(tmp_path: Path, movie: SimulatedMovie) -> None:
    """The default products are there, the pixel size is the stack's, the drift near the truth."""
    found = correct(tmp_path, movie.frames * movie.gain)
    written = {path.name for path in tmp_path.iterdir()} - {"stack.mrc"}
    assert written == {"micrograph.mrc", "motion.star", "power_spectrum_frames.mrc"}
    image, pixel_size = read_image(tmp_path / "micrograph.mrc")
    assert image.shape == (320, 400)
    assert pixel_size == pytest.approx(1.5)
    assert found.values["micrograph_pixel_size"] == 1.5
    steps = np.hypot(*np.diff(movie.global_shifts_angstrom, axis=0).T)
    assert found.values["drift_path"] == pytest.approx(steps.sum(), abs=1.5)
    assert found.values["drift_early"] == 0.0
    assert found.values["drift_late"] == found.values["drift_path"]
    assert found.messages == []


@pytest.mark.parametrize("frames", [3, 8, 9])
def test_the_spectrum_is_the_mean_of_all_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: int
) -> None:
    """The last one, too, which is looked at while files are written; frames left over make none.

    That of noise is even up to Nyquist and beyond.
    """
    taken: list[int] = []
    add = SpectrumMean.add

    def note(mean: SpectrumMean, index: int, image: ImageArray) -> None:
        taken.append(index)
        add(mean, index, image)

    monkeypatch.setattr(SpectrumMean, "add", note)
    noise = np.random.default_rng(5).poisson(3.0, (frames, 320, 400)).astype(np.float32)
    correct(tmp_path, noise, facts={**FACTS, "dose_per_frame": 1.0})
    assert taken == ([0, 1] if frames >= 8 else [0])
    spectrum, _ = read_image(tmp_path / "power_spectrum_frames.mrc")
    steps = np.arange(len(spectrum)) / len(spectrum) - 0.5
    frequency = np.hypot(steps[:, None], steps)
    level = spectrum[(frequency > 0.05) & (frequency < 0.2)].mean()
    for low in (0.2, 0.3, 0.4, 0.5):
        ring = spectrum[(frequency > low) & (frequency < low + 0.1)].mean()
        assert ring == pytest.approx(level, rel=0.06)


def test_the_motion_file_is_in_pixels_of_the_movie(tmp_path: Path, movie: SimulatedMovie) -> None:
    """Of a stack of binned pixels, shifts are written unbinned, with what frames.star tells."""
    table = {
        "general": star_list(
            rlnImageSizeX=800, rlnImageSizeY=640, rlnImageSizeZ=6,
            rlnMicrographMovieName="x.tiff", rlnMicrographOriginalPixelSize=0.75,
            rlnMicrographDoseRate=4.0, rlnMicrographPreExposure=0.5, rlnMicrographStartFrame=3,
        ),
        "hot_pixels": StarTable({"rlnCoordinateX": [7.0], "rlnCoordinateY": [9.0]}),
    }  # fmt: skip
    correct(tmp_path, movie.frames * movie.gain, facts={"voltage": 300.0}, table=table)
    motion = read_motion(tmp_path / "motion.star")
    assert motion.movie == "x.tiff"
    assert motion.shape == (6, 640, 800)
    assert (motion.binning, motion.pixel_size_angstrom) == (2.0, 0.75)
    assert (motion.start_frame, motion.pre_exposure, motion.dose_per_frame) == (3, 0.5, 4.0)
    assert motion.hot_pixels.tolist() == [[7.0, 9.0]]
    last = motion.global_shifts_px[-1] * 0.75
    assert last == pytest.approx(movie.global_shifts_angstrom[-1], abs=1.2)


def test_everything_on_request(tmp_path: Path, movie: SimulatedMovie) -> None:
    """Unweighted sum, halves and the corrected stack agree with each other, also as float16."""
    found = correct(
        tmp_path, movie.frames * movie.gain, stack_wanted=True, save_unweighted=True,
        save_halves=True, float16=True,
    )  # fmt: skip
    whole, even, odd = (found.image(f"micrograph_{name}") for name in ("unweighted", "even", "odd"))
    assert np.abs(even + odd - whole).max() < 2e-3 * whole.max()
    with open_stack(tmp_path / "corrected_stack.mrc") as stack:
        assert stack.dtype == np.float16
        assert stack.shape == (6, 320, 400)
        total = sum(stack.frame(index) for index in range(6))
    assert np.abs(total - whole).max() < 2e-3 * whole.max()
    with open_stack(tmp_path / "micrograph.mrc") as micrograph:
        assert micrograph.dtype == np.float16


def test_correction_sharpens_and_keeps_counts(tmp_path: Path) -> None:
    """The sum has more of the specimen's detail than the plain one, and the same electrons."""
    settings = SimulationSettings(
        rows=320,
        columns=400,
        frames=6,
        dose_per_frame=4.0,
        drift_angstrom=20.0,
        hot_pixels=0,
        particle_count=60,
    )
    movie = simulate_movie(settings, 12)
    frames = movie.frames * movie.gain
    found = correct(tmp_path, frames, dose_weighting=False).image("micrograph")
    plain = frames.sum(axis=0)
    assert found.mean() == pytest.approx(plain.mean(), rel=0.01)
    assert detail(found) > 1.4 * detail(plain)


def detail(image: NDArray[np.float32]) -> float:
    """Return the power at 15 to 40 Å beyond that at 3.2 to 3.6 Å, which is noise."""
    power = np.abs(np.fft.fft2(image)) ** 2
    y, x = np.fft.fftfreq(image.shape[0], 1.5), np.fft.fftfreq(image.shape[1], 1.5)
    k = np.hypot(y[:, None], x)
    signal = power[(k > 1 / 40) & (k < 1 / 15)].mean()
    return float(signal / power[(k > 1 / 3.6) & (k < 1 / 3.2)].mean() - 1.0)


def test_an_unknown_dose_names_the_ways_out(tmp_path: Path, movie: SimulatedMovie) -> None:
    """Dose weighting without a dose fails with both options in the text; without it, it works."""
    frames = movie.frames[:3] * movie.gain
    facts = {"pixel_size": 1.5, "voltage": 300.0}
    with pytest.raises(ScriptFailed, match=r"--dose-per-frame.*dose_weighting=false"):
        correct(tmp_path, frames, facts=facts)
    found = correct(tmp_path, frames, facts=facts, dose_weighting=False)
    assert isinstance(found.values["drift_early"], Absent)
    assert found.values["drift_path"] != 0.0


@pytest.mark.parametrize("content", ["zeros", "one frame", "noise"])
def test_no_drift_to_be_seen_is_said_and_not_called_zero(tmp_path: Path, content: str) -> None:
    """Empty movies, single frames and noise give a sum, a warning, and absent values."""
    noise = np.random.default_rng(3).poisson(2.0, (4, 256, 256)).astype(np.float32)
    frames = {"zeros": 0.0 * noise, "one frame": noise[:1], "noise": noise}[content]
    found = correct(tmp_path, frames)
    assert isinstance(found.values["drift_range"], Absent)
    assert any("no drift can be seen" in text for text in found.messages)
    assert found.image("micrograph").shape == (256, 256)
    assert not read_motion(tmp_path / "motion.star").global_shifts_px.any()


def test_frames_too_small_for_a_spectrum(tmp_path: Path) -> None:
    """A tiny movie is corrected, without a spectrum, and says so."""
    frames = np.random.default_rng(2).poisson(3.0, (3, 40, 50)).astype(np.float32)
    found = correct(tmp_path, frames)
    assert not (tmp_path / "power_spectrum_frames.mrc").exists()
    assert any("too small for a spectrum" in text for text in found.messages)


@pytest.mark.parametrize(
    ("largest_part", "said"), [(0.3, "is estimated from the rest"), (0.05, "the gold's")]
)
def test_gold_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, largest_part: float, said: str
) -> None:
    """Beads that were left out, or cover too much to be, are said once."""
    monkeypatch.setattr("cryobatch.imaging.bright_spots._LARGEST_PART", largest_part)
    settings = SimulationSettings(
        rows=512, columns=640, frames=4, dose_per_frame=6.0, gold_count=5,
        electrons_per_readout=0.0,
    )  # fmt: skip
    golden = simulate_movie(settings, 12)
    found = correct(tmp_path, golden.frames * golden.gain, patches=1)
    assert [text for text in found.messages if "gold" in text] == found.messages
    assert len(found.messages) == 1
    assert said in found.messages[0]
