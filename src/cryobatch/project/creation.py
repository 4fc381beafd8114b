"""Making a new project's folder."""

import secrets
import shutil
import stat
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryobatch.errors import ProjectError, UsageError
from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.formats.settings_file import dump_project
from cryobatch.model.facts import FACTS, check_fact
from cryobatch.model.image import FactValue
from cryobatch.model.settings import ProjectSettings, SiteSettings
from cryobatch.project.place import choose_place, find_place
from cryobatch.store.database import Database

SETTINGS_FILE = "project.toml"


def create_project(
    folder: Path, name: str | None, facts: Mapping[str, object], site: SiteSettings
) -> None:
    """Make a project's folder, settings and empty database.

    Args:
        folder: It may be there, but must hold no project.
        name: What a person calls it; None: the folder's name.
        facts: Acquisition facts that hold for all its recordings.
        site: What holds for all projects here.

    Raises:
        ProjectError: The folder cannot become a project; the text says why.
    """
    folder = folder.resolve()
    if (folder / SETTINGS_FILE).exists():
        raise ProjectError(f"{folder} holds a project already: use it, or choose another folder")
    checked = check_facts(facts, site)
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
        if site.file_group is not None:
            _give_to_group((folder, place.images, place.scripts), site.file_group)
        Database.create(place.database).close()
        # Last of all: a folder is a project when its settings are there.
        write_bytes_durably(place.settings, dump_project(settings).encode())
    except OSError as error:
        raise ProjectError(f"{folder} cannot become a project: {error}") from error


def check_facts(facts: Mapping[str, object], site: SiteSettings) -> dict[str, FactValue]:
    """Return facts in their own types, files as absolute paths that are there.

    Args:
        facts: As a person gave them.
        site: Names the folder where gain references are looked for by name.

    Raises:
        ProjectError: A file is not there.
    """
    checked = {name: check_fact(name, value) for name, value in facts.items()}
    for name, value in checked.items():
        if FACTS[name].kind == "file":
            checked[name] = str(_find_file(name, str(value), site))
    return checked


def _find_file(name: str, given: str, site: SiteSettings) -> Path:
    try:
        path = Path(given).expanduser().resolve()
        if path.is_file():
            return path
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{name}: {given!r} is no file: {error}") from error
    if site.gain_folder is None:
        raise ProjectError(f"{name}: there is no file {path}")
    shared = (Path(site.gain_folder) / given).resolve()
    if shared.is_file():
        return shared
    raise ProjectError(f"{name}: there is no file {path}, nor {shared} in the site's gain folder")


def _give_to_group(folders: Iterable[Path], group: str) -> None:
    """Let a group of users own folders, and all that is made in them later."""
    for folder in folders:
        try:
            shutil.chown(folder, group=group)
        except (LookupError, PermissionError) as error:
            raise ProjectError(
                f"{folder} cannot be given to the group {group!r}: {error}"
            ) from error
        folder.chmod(folder.stat().st_mode | stat.S_ISGID | stat.S_IRWXG)


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
