"""Stacks of counts: who reads one gets gain-corrected frames, or knows that they are not."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cryobatch.formats.mrc import open_stack, write_image
from cryobatch.model import Run, Value, script
from cryobatch.model.declaration import declared_script
from cryobatch.model.settings import DEFAULT_WORKFLOWS
from cryobatch.model.workflow import plan_workflow
from cryobatch.processing.catalog import builtin_scripts
from cryobatch.project import Project
from cryobatch.scripts.stack_file import open_frames
from tests.one_processor import OneProcessor
from tests.projects import add_images, make_project
from tests.recording_files import write_mrc

SHAPE = (4, 48, 64)
BUILT_IN = {one.name: one for one in builtin_scripts()}
MEAN = {"mean": Value(), "kept": Value(kind="text")}


@script(
    category="Share", inputs=["stack", "stack_gain?"],
    values={f"knowing_{name}": value for name, value in MEAN.items()},
)  # fmt: skip
def knowing(run: Run) -> dict[str, object]:
    """Measure frames as one who knows of the gain."""
    with open_frames(run) as stack:
        kept = str(stack.file.dtype)
        return {"knowing_mean": float(stack.frame(0).mean()), "knowing_kept": kept}


@script(
    category="Share", inputs=["stack"],
    values={f"plain_{name}": value for name, value in MEAN.items()},
)  # fmt: skip
def plain(run: Run) -> dict[str, object]:
    """Measure frames as they lie there."""
    with open_stack(run.input("stack")) as stack:
        return {"plain_mean": float(stack.frame(0).mean()), "plain_kept": str(stack.dtype)}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Return a project with one movie of counts, and both scripts besides the built-in ones."""
    own = {one.name: one for one in map(declared_script, (knowing, plain)) if one is not None}
    made = make_project(tmp_path / "project", scripts={**BUILT_IN, **own})
    gain = tmp_path / "gain.mrc"
    write_image(gain, _gain(), 1.0)
    [image] = add_images(made, 1, root="movie", facts={"pixel_size": 1.0, "gain": str(gain)})
    (made.images.folder(image) / "recording.mrc").unlink()
    write_mrc(made.images.folder(image) / "recording.mrc", _counts())
    yield made
    made.close()


def _gain() -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(1.5, 2.5, SHAPE[1:]).astype(np.float32)


def _counts() -> NDArray[np.uint16]:
    return np.random.default_rng(2).poisson(20.0, SHAPE).astype(np.uint16)


def test_counts_are_kept_where_all_readers_know_of_the_gain(project: Project) -> None:
    """Half the bytes, and the same frames."""
    assert OneProcessor(project).run(1, "knowing").failures == {}
    row = project.images.rows()[0]
    assert row["knowing_kept"] == "uint16"
    assert row["knowing_mean"] == pytest.approx((_counts()[0] * _gain()).mean(), rel=1e-3)


def test_who_reads_the_stack_alone_never_sees_raw_counts(project: Project) -> None:
    """Then everybody gets gain-corrected frames, in the one stack that there is."""
    processor = OneProcessor(project)
    assert processor.run(1, "knowing", "plain").failures == {}
    row = project.images.rows()[0]
    assert row["knowing_kept"] == row["plain_kept"] == "float16"
    wanted = pytest.approx((_counts()[0] * _gain()).mean(), rel=1e-3)
    assert row["knowing_mean"] == wanted
    assert row["plain_mean"] == wanted
    assert row["stale"] == []
    assert processor.run(1, "knowing", "plain").started == []


def test_the_built_in_scripts_know_of_the_gain() -> None:
    """All that read a stack: else every movie's would be kept at twice the bytes."""
    workflow = plan_workflow(DEFAULT_WORKFLOWS["movie"], BUILT_IN, root="movie")
    readers = [one for one in workflow.scripts if "stack" in one.reads_products]
    assert len(readers) == 2
    assert all("stack_gain" in one.reads_products for one in readers)
