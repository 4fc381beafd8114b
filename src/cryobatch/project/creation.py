"""Making a new project's folder."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryobatch.errors import ProjectError
from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.formats.settings_file import dump_project
from cryobatch.model.facts import FACTS, check_fact
from cryobatch.model.image import FactValue
from cryobatch.model.settings import ProjectSettings
from cryobatch.project.place import choose_place, find_place
from cryobatch.store.database import Database

SETTINGS_FILE = "project.toml"


def create_project(folder: Path, name: str | None, facts: Mapping[str, object]) -> None:
    """Make a project's folder, settings and empty database.

    Args:
        folder: It may be there, but must hold no project.
        name: What a person calls it; None: the folder's name.
        facts: Acquisition facts that hold where the recordings say nothing.

    Raises:
        ProjectError: The folder cannot become a project; the text says why.
    """
    folder = folder.resolve()
    if (folder / SETTINGS_FILE).exists():
        raise ProjectError(f"{folder} holds a project already: use it, or choose another folder")
    checked = check_facts(facts)
    project_id = secrets.token_hex(8)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        settings = ProjectSettings(
            name=name or folder.name,
            id=project_id,
            created_at=datetime.now(UTC).isoformat("T", "seconds"),
            acquisition=checked,
            place=choose_place(folder, project_id),
        )
        place = find_place(folder, settings)
        place.state.mkdir(parents=True, exist_ok=True)
        for part in (place.images, place.scripts):
            part.mkdir(exist_ok=True)
        Database.create(place.database).close()
        # Last of all: a folder is a project when its settings are there.
        write_bytes_durably(place.settings, dump_project(settings).encode())
    except OSError as error:
        raise ProjectError(f"{folder} cannot become a project: {error}") from error


def check_facts(facts: Mapping[str, object]) -> dict[str, FactValue]:
    """Return facts in their own types, files as absolute paths that are there.

    Raises:
        ProjectError: A file is not there.
    """
    checked = {name: check_fact(name, value) for name, value in facts.items()}
    for name, value in checked.items():
        if FACTS[name].kind == "file":
            path = Path(str(value)).expanduser().resolve()
            if not path.is_file():
                raise ProjectError(f"{name}: there is no file {path}")
            checked[name] = str(path)
    return checked


def find_project(folder: Path) -> Path:
    """Return the folder of the project that a folder is in.

    Raises:
        ProjectError: There is none.
    """
    start = folder.resolve()
    for candidate in (start, *start.parents):
        if (candidate / SETTINGS_FILE).is_file():
            return candidate
    raise ProjectError(
        f"{start} is not in a project: go into one, name it with --project DIR, "
        "or make one with 'cryobatch new DIR'"
    )
