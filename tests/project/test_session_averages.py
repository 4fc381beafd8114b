"""Session averages are kept, go on where they were, and begin anew when they must."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cryobatch.formats.mrc import write_image
from cryobatch.imaging.averages import Common
from cryobatch.model import RunRecord
from cryobatch.processing.image_folder import read_record, write_record
from cryobatch.project import Project
from cryobatch.project.averages import IMAGES, Kept, Stage, find_due, place_of, read, tell, write
from cryobatch.project.averaging import average_all
from tests.projects import add_images, make_project

RUN = RunRecord(
    version="1", fingerprint="f", parameters={}, tools={}, host="h", processor="local-1", batch=1,
    started_at="2026-01-01T00:00:00Z", seconds=1.0, memory_bytes=1,
    products={"micrograph": "micrograph.mrc"},
)  # fmt: skip


def fill(project: Project, ids: list[int]) -> None:
    """Give images a recording that can be read, and a corrected micrograph."""
    for one in ids:
        folder = project.images.folder(one)
        pixels = np.random.default_rng(one).normal(100.0, 10.0, (150, 160)).astype(np.float32)
        write_image(folder / "recording.mrc", pixels, 1.0)
        write_image(folder / "micrograph.mrc", pixels, 1.0)
        record = read_record(folder)
        values = {"correct_drift": {"drift_range": 3.0}}
        write_record(folder, replace(record, runs={"correct_drift": RUN}, values=values))
    project.images.index(ids)


def counted(project: Project, stage: Stage = Stage.RAW) -> set[int]:
    """Return the images in the averages of a stage."""
    return set(read(place_of(project.place.folder, stage)).counted)


def test_averages_go_on_where_they_were(tmp_path: Path) -> None:
    """New images are added; those that are counted are not read again."""
    with make_project(tmp_path / "p", 3) as project:
        fill(project, [1, 2, 3])
        average_all(project)
        assert counted(project) == counted(project, Stage.CORRECTED) == {1, 2, 3}
        fill(project, add_images(project, 2))
        before = read(place_of(project.place.folder, Stage.RAW))
        assert sorted(find_due(project.images, Stage.RAW, before)) == [4, 5]
        average_all(project)
        after = read(place_of(project.place.folder, Stage.RAW))
        assert after.average is not None
        assert (set(after.counted), after.average.count) == ({1, 2, 3, 4, 5}, 5)


def test_an_image_that_was_processed_again_begins_them_anew(tmp_path: Path) -> None:
    """Its old pixels cannot be taken out; the raw sums stay as they are."""
    with make_project(tmp_path / "p", 3) as project:
        fill(project, [1, 2, 3])
        average_all(project)
        raw = place_of(project.place.folder, Stage.RAW).stat().st_mtime_ns
        changed = np.random.default_rng(77).normal(5.0, 1.0, (150, 160)).astype(np.float32)
        write_image(project.images.folder(2) / "micrograph.mrc", changed, 1.2)
        average_all(project)
        assert counted(project, Stage.CORRECTED) == {1, 2, 3}
        found = read(place_of(project.place.folder, Stage.CORRECTED))
        assert found.average is not None
        assert found.average.count == 3
        assert place_of(project.place.folder, Stage.RAW).stat().st_mtime_ns == raw


def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    """A broken recording costs itself; one that was away is taken when it is back."""
    with make_project(tmp_path / "p", 3) as project:
        fill(project, [1, 2])
        (project.images.folder(1) / "recording.mrc").unlink()
        average_all(project, [Stage.RAW])
        assert counted(project) == {2}
        assert set(read(place_of(project.place.folder, Stage.RAW)).passed) == {1, 3}
        fill(project, [1])
        average_all(project, [Stage.RAW])
        assert counted(project) == {1, 2}


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"x" * 5000])
def test_broken_averages_are_made_again(tmp_path: Path, content: bytes) -> None:
    """They hold nothing that the images do not tell."""
    path = tmp_path / "raw.npz"
    path.write_bytes(content)
    assert read(path) == Kept()
    assert read(tmp_path / "none.npz") == Kept()


def test_nothing_is_kept_of_nothing(tmp_path: Path) -> None:
    """No folder is made for averages that there are not."""
    write(tmp_path / "averages" / "raw.npz", Kept())
    assert not (tmp_path / "averages").exists()


def test_the_order_of_images_stays_and_is_spread(tmp_path: Path) -> None:
    """Of many images some all over the session are taken, and no more than are needed."""
    with make_project(tmp_path / "p", 3 * IMAGES) as project:
        due = find_due(project.images, Stage.RAW, Kept())
        assert len(due) == IMAGES
        assert IMAGES < np.mean(due) < 2 * IMAGES
        add_images(project, IMAGES)
        again = find_due(project.images, Stage.RAW, Kept())
        assert len(set(due) & set(again)) > IMAGES // 2


def test_the_process_averages_and_ends_with_its_parent(tmp_path: Path) -> None:
    """Run as a command it does all that is due; when its input ends, it ends too."""
    with make_project(tmp_path / "p", 2) as project:
        fill(project, [1, 2])
        command = [sys.executable, "-m", "cryobatch.project.averaging", str(project.place.folder)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
            assert process.wait(60) == 0
        assert counted(project) == {1, 2}
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            assert process.wait(60) == 0


def test_words_tell_what_averages_show(tmp_path: Path) -> None:
    """A pattern in raw sums is as it should be, in corrected ones it is not; lines are named."""
    with make_project(tmp_path / "p", 5) as project:
        fill(project, [1, 2, 3, 4, 5])
        average_all(project, [Stage.RAW])
        average = read(place_of(project.place.folder, Stage.RAW)).average
    assert average is not None
    none, some = Common(0.0), Common(0.2, ("rows",))
    assert tell(Stage.CORRECTED, average, none)[0] == "good"
    level, text = tell(Stage.CORRECTED, average, some)
    assert (level, "20%" in text, "bands of rows" in text) == ("warn", True, True)
    level, text = tell(Stage.RAW, average, some)
    assert (level, "20%" in text) == ("good", True)
    level, text = tell(Stage.RAW, average, Common(0.0, (), (8,), tuple(range(9))))
    assert level == "warn"
    assert "Columns 0, 1, 2, 3, 4, 5 and 3 more and row 8 stand out" in text
    assert tell(Stage.RAW, average, Common(None))[0] == ""
