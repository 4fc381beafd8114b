"""What the guards notice and what they take for a fault: gains, beam shifts, doses.

Movies are simulated with specimen, drift, hot and dead pixels; of the hundred right movies, and of
sessions, only what the guards look at is. Processor seconds are of one thread.
"""

import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.table import print_table
from cryobatch.imaging.arrays import ImageArray
from cryobatch.imaging.gain import orient_reference
from cryobatch.imaging.gain_orientation import (
    ORIENTATIONS,
    GainVerdict,
    Orientation,
    turn_further,
    weigh_gain,
)
from cryobatch.imaging.simulate import SimulationSettings, simulate_movie, simulated_camera
from cryobatch.imaging.simulate_camera import make_camera
from cryobatch.importing.doubts.session_checks import Evidence, Stated, judge_dose
from cryobatch.importing.optics.beam_shifts import BeamShifts

MOVIES = 10
SEED = 9001
CAMERAS = {"square": (4096, 4096), "oblong (K3)": (4092, 5760)}


def measure_orientations(name: str, shape: tuple[int, int]) -> list[object]:
    """Return how many of all orientations are told right, and what a judgement costs."""
    settings = SimulationSettings(
        rows=shape[0], columns=shape[1], frames=3, dose_per_frame=13.3, pixel_size_angstrom=1.0,
        gain_deviation=0.04,
    )  # fmt: skip
    camera = simulated_camera(settings, 5)
    right = count = 0
    started, seconds = 0.0, 0.0
    for seed in range(SEED, SEED + MOVIES):
        movie = simulate_movie(settings, seed, camera=camera, threads=1)
        raw = movie.frames.sum(axis=0, dtype=np.float32)
        for turn in ORIENTATIONS:
            gain = orient_reference(camera.gain, turn.rotation, turn.flip)
            if gain.shape == raw.shape:
                started = time.process_time()
                right += _is_told(raw, gain, turn)
                seconds += time.process_time() - started
                count += 1
    return [name, MOVIES, count, right, seconds / count]


def _is_told(raw: ImageArray, gain: ImageArray, turn: Orientation) -> bool:
    evidence = weigh_gain(raw, gain, corrected=False)
    if evidence is None or turn_further(turn, evidence.best) != Orientation():
        return False
    wanted = GainVerdict.FITS if turn == Orientation() else GainVerdict.TURNED
    return evidence.verdict is wanted


def measure_alarms() -> list[list[object]]:
    """Return false alarms of 100 right movies, and how many wrong ones are not noticed."""
    random = np.random.default_rng(SEED)
    alarms = missed = count = 0
    for number, spread in enumerate((0.03, 0.05, 0.1) * 4):
        camera = make_camera((2048, 2048), gain_deviation=spread, hot=200, dead=200, seed=number)
        other = make_camera((2048, 2048), gain_deviation=spread, hot=200, dead=200, seed=99).gain
        for dose in (1.5, 5.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0):
            raw = random.poisson(camera.rates * dose).astype(np.float32)
            found = weigh_gain(raw, camera.gain, corrected=False)
            alarms += found is None or found.verdict in {GainVerdict.TURNED, GainVerdict.FOREIGN}
            foreign = weigh_gain(raw, other, corrected=False)
            missed += foreign is None or foreign.verdict is not GainVerdict.FOREIGN
            count += 1
    return [["right gain", count, alarms], ["gain of another camera, not noticed", count, missed]]


def measure_patterns() -> Iterator[list[object]]:
    """Yield how many images of a day's pattern are in the right group."""
    for side, jitter, drift in itertools.product((3, 5), (0.02, 0.05, 0.08), (0.0, 1.0)):
        wrong = moved = groups = settled = 0
        for seed in range(5):
            holes, found, changed, first = _assign(side, jitter, drift, SEED + seed)
            pairs: dict[int, list[int]] = {}
            for hole, group in zip(holes, found, strict=True):
                pairs.setdefault(hole, []).append(group)
            wrong += sum(len(g) - max(g.count(one) for one in set(g)) for g in pairs.values())
            moved += changed
            groups = max(groups, len(set(found)))
            settled = max(settled, first)
        yield [f"{side * side} holes", jitter, drift, 5 * len(holes), wrong, groups, moved, settled]


def _assign(
    side: int, jitter: float, drift: float, seed: int, images: int = 2000
) -> tuple[Sequence[int], Sequence[int], int, int]:
    """Return holes, groups, numbers that have changed, and after how many images groups came."""
    random = np.random.default_rng(seed)
    holes = [hole for _ in range(images) for hole in range(side**2) if random.random() > 0.1]
    shifts, numbers = BeamShifts(), itertools.count(1)
    found: dict[int, int] = {}
    changed = first = 0
    angle, turn = random.uniform(0, 2 * math.pi), random.uniform(0, math.pi)
    for image, hole in enumerate(holes[:images]):
        x, y = hole % side, hole // side
        far = drift * image / images
        shift = (
            x * math.cos(turn) - y * math.sin(turn) + far * math.cos(angle),
            x * math.sin(turn) + y * math.cos(turn) + far * math.sin(angle),
        )
        noise = random.normal(0.0, jitter, 2)
        new = shifts.add(image, (shift[0] + noise[0], shift[1] + noise[1]), numbers)
        changed += sum(one in found for one in new)
        found |= new
        first = first or (image + 1 if new else 0)
    return holes[:images], [found.get(image, 0) for image in range(images)], changed, first


def measure_doses() -> Iterator[list[object]]:
    """Yield after how many images at most a wrong dose is told, and false alarms."""
    alarms = sum(_first_alarm(_session(500, seed, 1.0)) is not None for seed in range(20))
    yield ["right, 20 sessions of 500", alarms, "-"]
    for name, ratio in (("pixel size x 2", 0.25), ("pixel size / 2", 4.0), ("dose x 4", 0.25),
                        ("dose / 2", 2.0)):  # fmt: skip
        late = 0
        for seed in range(20):
            images = [*_session(60, seed, 1.0), *_session(20, seed + 500, ratio)]
            late = max(late, (_first_alarm(images) or 999) - 60)
        yield [name, 20, late]


def _session(count: int, seed: int, ratio: float) -> list[Evidence]:
    """Return images of which ice takes 5 to 25 %, one in twenty dark, all by a ratio off."""
    random = np.random.default_rng(seed)
    share = np.where(random.random(count) < 0.05, 0.05, random.uniform(0.75, 0.95, count)) * ratio
    blank = Evidence(0)
    return [
        replace(blank, image=number, dose_disagreement=100.0 * (float(one) - 1.0))
        for number, one in enumerate(share)
    ]


def _first_alarm(images: Sequence[Evidence]) -> int | None:
    ends = range(1, len(images) + 1)
    return next((end for end in ends if judge_dose(images[max(0, end - 9) : end], Stated())), None)


def main() -> None:
    """Print the tables."""
    print_table(
        "gain orientation of simulated movies",
        ["camera", "movies", "cases", "right", "cpu s each"],
        [measure_orientations(name, shape) for name, shape in CAMERAS.items()],
    )
    print_table("gains", ["", "movies", "wrong verdicts"], measure_alarms())
    print_table(
        "optics groups by beam shift, 5 days of 2,000 images",
        ["pattern", "jitter", "drift", "images", "wrong", "groups", "changed", "known after"],
        list(measure_patterns()),
    )
    print_table(
        "dose of a session, median of 9 images",
        ["", "sessions / alarms", "told after at most"],
        list(measure_doses()),
    )


if __name__ == "__main__":
    main()
