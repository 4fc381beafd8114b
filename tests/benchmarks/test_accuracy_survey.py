"""A survey of drift's error keeps what it has measured, and its bound is one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.accuracy import grid_settings
from benchmarks.accuracy_survey import main
from benchmarks.motion_bound import motion_bound_angstrom

SMALL = replace(grid_settings(1.0, 1.3, 1024, False), frames=8)


def _entry(seed: int, rms: float) -> str:
    return json.dumps(
        {
            "seed": seed, "dose": 1.0, "pixel": 1.3, "local": False, "size": 256, "patches": 1,
            "rms": rms, "failed": 0.0 if rms < 1.0 else 0.5, "percentiles": [rms] * 101,
        }
    ) + "\n"  # fmt: skip


def test_a_survey_that_was_ended_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Movies of earlier runs are in the table; a line that an end cut off is not."""
    whole = _entry(1, 0.3) + _entry(2, 1.4)
    (tmp_path / "movies.jsonl").write_text(whole + _entry(3, 9.0)[:40])
    main([str(tmp_path)])
    shown = capsys.readouterr().out
    every = next(line for line in shown.splitlines() if "1x1  " in line).split()
    assert every[5] == "2"
    assert float(every[6]) == pytest.approx(((0.09 + 1.96) / 2.0) ** 0.5, abs=0.001)
    assert every[-1] == "1"


def test_more_light_and_a_known_rest_lower_the_bound() -> None:
    """More electrons tell more, a film that may bend less, and detail that is left out nothing."""
    bound = motion_bound_angstrom(SMALL)
    assert motion_bound_angstrom(replace(SMALL, dose_per_frame=2.0)) < bound
    assert motion_bound_angstrom(replace(SMALL, local_motion_angstrom=4.0)) > bound
    assert motion_bound_angstrom(SMALL, 8.0) > bound
