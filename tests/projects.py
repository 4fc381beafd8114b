"""Small projects to test with: images of a few bytes, and scripts that look at no pixel."""

from collections.abc import Mapping
from pathlib import Path

from cryobatch.model import Fact, ImageIdentity, ImageRecord, Script
from cryobatch.model.image import FactValue
from cryobatch.processing.catalog import Catalog
from cryobatch.processing.image_folder import write_record
from cryobatch.project import Project
from cryobatch.store import library
from tests.simple_scripts import simple_scripts

FACTS: Mapping[str, FactValue] = {"pixel_size": 1.5, "voltage": 300.0}
"""What is known about every image of these projects."""

MOVIE_WORKFLOW = ("take", "halve", "align", "measure", "pick", "judge")
MICROGRAPH_WORKFLOW = ("measure", "pick", "judge")


def make_project(
    folder: Path,
    images: int = 0,
    *,
    root: str = "micrograph",
    group: str = "square",
    scripts: Mapping[str, Script] | None = None,
    settings: str = "",
) -> Project:
    """Make a project whose scripts are the simple ones.

    Args:
        folder: Where; its parent must be there.
        images: So many images are registered.
        root: Their root product.
        group: Their group.
        scripts: All scripts; None: the simple ones. An empty mapping: what discovery finds.
        settings: Text for ``project.toml``, beyond what a new one holds.
    """
    Project.create(folder).close()
    workflows = f"movie = {list(MOVIE_WORKFLOW)}\nmicrograph = {list(MICROGRAPH_WORKFLOW)}\n"
    text = (folder / "project.toml").read_text()
    (folder / "project.toml").write_text(f"{text}\n[workflows]\n{workflows}\n{settings}")
    return open_project(folder, images, root=root, group=group, scripts=scripts)


def open_project(
    folder: Path,
    images: int = 0,
    *,
    root: str = "micrograph",
    group: str = "square",
    scripts: Mapping[str, Script] | None = None,
) -> Project:
    """Open a project of ``make_project`` again, with the same scripts."""
    project = Project.open(folder)
    if scripts is None or scripts:
        project.catalog = Catalog(scripts or simple_scripts())
    if images:
        add_images(project, images, root=root, group=group)
    return project


def add_images(
    project: Project,
    count: int,
    *,
    root: str = "micrograph",
    group: str = "square",
    facts: Mapping[str, FactValue] = FACTS,
) -> list[int]:
    """Register images, each with a recording of some bytes in its folder; returns their ids."""
    with project.database.transaction() as t:
        ids = list(library.reserve_image_ids(t, count))
    records = [_make_image(project, one, root, group, facts) for one in ids]
    with project.database.transaction() as t:
        library.register(t, [record.image for record in records])
    return ids


def _make_image(
    project: Project, number: int, root: str, group: str, facts: Mapping[str, FactValue]
) -> ImageRecord:
    folder = project.place.image_folder(group, f"image_{number}")
    folder.mkdir(parents=True)
    (folder / "recording.mrc").write_text(f"recording {number}")
    identity = ImageIdentity(
        id=number,
        name=f"image_{number}",
        group=group,
        root_product=root,
        root_file="recording.mrc",
        source=f"/microscope/image_{number}.mrc",
        source_id=f"recording {number}",
        rows=4,
        columns=4,
        frames=8 if root == "movie" else 1,
        imported_at="2026-01-01T00:00:00Z",
    )
    known = {name: Fact(value, "header") for name, value in facts.items()}
    record = ImageRecord(identity, known)
    write_record(folder, record)
    return record
