"""Projects to measure on: tiny images, and a script that does nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

import numpy as np

from cryobatch.formats.mrc import write_image
from cryobatch.model.image import ImageIdentity
from cryobatch.project import Project
from cryobatch.store import library

NO_OPERATION = "no_operation"
FIRST_LINE = "first_line"

_SCRIPT = f'''"""Do nothing."""

from cryobatch import Value, script


@script(
    category="Calculate Statistics",
    inputs=["micrograph"],
    values={{"{FIRST_LINE}": Value("s")}},
)
def {NO_OPERATION}(run):
    """Tell when the first line ran."""
    import time

    return {{"{FIRST_LINE}": time.time()}}
'''


@contextmanager
def project_of_files(images: int, parent: Path) -> Iterator[Project]:
    """Make a project with so many images of 16 x 16 pixels, each with folder and parameter file.

    It stays: some file systems make new files slowly for minutes after many were removed.
    """
    folder = Path(mkdtemp(dir=parent))
    recordings = folder / "recordings"
    recordings.mkdir()
    pixels = np.random.default_rng(0).standard_normal((16, 16)).astype(np.float32)
    for number in range(images):
        write_image(recordings / f"image-{number:06d}.mrc", pixels, 1.0)
    with _make_project(folder) as project:
        project.import_recordings([recordings], submit=False)
        yield project


@contextmanager
def project_of_rows(images: int) -> Iterator[Project]:
    """Make a project whose library has so many images, without folders: they are never run."""
    with (
        TemporaryDirectory(prefix="cryobatch-benchmark-") as folder,
        _make_project(Path(folder)) as project,
    ):
        with project.database.transaction() as t:
            numbers = library.reserve_image_ids(t, images)
            library.register(t, (_identity(number) for number in numbers))
        yield project


def _make_project(folder: Path) -> Project:
    facts = {"pixel_size": 1.0, "voltage": 300, "cs": 2.7}
    Project.create(folder / "project", facts=facts).close()
    (folder / "project" / "scripts" / f"{NO_OPERATION}.py").write_text(_SCRIPT)
    return Project.open(folder / "project")


def _identity(number: int) -> ImageIdentity:
    return ImageIdentity(
        id=number,
        name=f"image-{number:06d}",
        group="recordings",
        root_product="micrograph",
        root_file=f"/recordings/image-{number:06d}.mrc",
        source=f"/recordings/image-{number:06d}.mrc",
        source_id=f"made-{number}",
        rows=16,
        columns=16,
        frames=1,
        imported_at="2026-01-01T00:00:00.000+00:00",
    )
