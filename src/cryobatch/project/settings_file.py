"""The project's settings as a file that both people and programs change."""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryobatch.errors import ConflictError, CryobatchError, SettingsError, UsageError, WorkflowError
from cryobatch.formats.atomic import write_bytes_durably
from cryobatch.formats.settings_file import parse_project
from cryobatch.formats.toml_edit import edit_toml
from cryobatch.model.facts import FACTS
from cryobatch.model.settings import ProjectSettings
from cryobatch.project.doorbell import ring
from cryobatch.project.effects import tell_effects
from cryobatch.project.entries import PLAIN, Layers, Path
from cryobatch.project.project import Project
from cryobatch.project.submission import Choice
from cryobatch.store.settings import put_setting

SETTINGS_VERSION = "settings_version"
"""Tells watchers of the database that project.toml was written."""
ROOTS = ("movie", "micrograph")
Changes = Mapping[Path, Any]
"""New values by their paths (Any: TOML's own variety); None: no word of the project's own."""

_ANY_NAME = {"acquisition": 2, "workflows": 2, "default_workflows": 2, "parameters": 3}


@dataclass(frozen=True, slots=True)
class Reading:
    """The settings' file at a moment.

    Args:
        text: Its content.
        version: Differs when the content does.
        layers: What it says, beside what the site says.
    """

    text: str
    version: str
    layers: Layers


class SettingsFile:
    """Reads and changes a project's project.toml.

    Args:
        project: The project; it reads its settings again after a change.
    """

    def __init__(self, project: Project) -> None:
        """Take note of the project."""
        self._project = project

    def read(self) -> Reading:
        """Return what holds now."""
        path = self._project.place.settings
        try:
            text = path.read_bytes().decode()
            data = tomllib.loads(text)
            settings = parse_project(data)
        except OSError as error:
            raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, CryobatchError) as error:
            raise SettingsError(f"{path}: {error}") from error
        scripts = self._project.catalog.scripts
        layers = Layers(data, settings, self._project.site, scripts)
        return Reading(text, _mark(text), layers)

    def change(self, changes: Changes, version: str | None = None) -> str:
        """Change settings; everything else in the file stays as people wrote it.

        Args:
            changes: New values by their paths.
            version: Of the file that the changes were made for; None: whatever it is now.

        Returns:
            The version after it.

        Raises:
            ConflictError: Somebody has changed the file since.
            SettingsError: The settings would mean nothing; the file is as it was.
        """
        path = self._project.place.settings
        # A transaction, so that two of us write one after another, and watchers hear of it.
        with self._project.database.transaction() as t:
            now = self.read()
            if version is not None and version != now.version:
                raise ConflictError(f"{path}: somebody has changed it meanwhile; look again")
            text = self._edit(now, changes)[0]
            write_bytes_durably(path, text.encode())
            put_setting(t, SETTINGS_VERSION, _mark(text))
        self._project.reload()
        ring(self._project.place.doorbell)
        return _mark(text)

    def preview(self, changes: Changes) -> list[str]:
        """Return in words what changes would do; nothing is written.

        Raises:
            SettingsError: The settings would mean nothing.
        """
        now = self.read()
        _, settings = self._edit(now, changes)
        return list(tell_effects(self._project, now.layers.settings, settings, changes))

    def _edit(self, now: Reading, changes: Changes) -> tuple[str, ProjectSettings]:
        for path in changes:
            _check_path(path)
        text = edit_toml(now.text, changes)
        settings = parse_project(tomllib.loads(text))
        project = self._project
        trial = Project(project.place, settings, project.site, project.database)
        trial.__dict__["catalog"] = project.catalog  # found once: it may take a child process
        trial.check_settings()
        _check_workflows(trial, now.layers.settings)
        return text, settings


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _check_path(path: Path) -> None:
    """See that a path leads to something that may be set."""
    table = path[0] if path else ""
    if len(path) == _ANY_NAME.get(table, 0) and all(path):
        if table == "acquisition" and path[1] not in FACTS:
            raise UsageError(f"{'.'.join(path)}: is no acquisition fact")
        return
    if len(path) == 2 and path[1] in PLAIN.get(table, {}):
        return
    known = ", ".join(f"{name}.{key}" for name, keys in PLAIN.items() for key in keys)
    raise UsageError(
        f"{'.'.join(path)!r} cannot be set; known: parameters.SCRIPT.PARAMETER, workflows.NAME, "
        f"default_workflows.movie, default_workflows.micrograph, acquisition.FACT, {known}"
    )


def _check_workflows(trial: Project, before: ProjectSettings) -> None:
    """See that every changed workflow can be planned for some kind of image."""
    for name, scripts in trial.settings.workflows.items():
        if before.workflows.get(name) == scripts:
            continue
        problems = []
        for root in ROOTS:
            try:
                trial.planner.plan_anyway(Choice(workflow=name), root)
            except CryobatchError as error:
                problems.append(str(error))
        if len(problems) == len(ROOTS):
            raise WorkflowError(f"workflows.{name}: {problems[0]}")


def parse_value(texts: Sequence[str], layers: Layers) -> dict[Path, Any]:
    """Read ``KEY=VALUE`` texts of a command line; a list's parts stand between commas.

    Args:
        texts: Such as ``processors.number=4`` or ``workflows.quick=fit_ctf,pick_particles``.
        layers: Tell what kind of thing each key is.
    """
    entries = {e.path: e for part in (layers.plain, layers.facts, layers.parameters)
               for e in part()}  # fmt: skip
    found: dict[Path, Any] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        path = tuple(key.split("."))
        if not equals or not value:
            raise UsageError(f"{text!r}: write KEY=VALUE, such as processors.number=4")
        _check_path(path)
        entry = entries.get(path)
        kind = "list" if path[0] == "workflows" else entry.kind if entry else "str"
        found[path] = _read_value(kind, value, text)
    return found


def _read_value(kind: str, value: str, text: str) -> Any:
    if kind == "list":
        return [part.strip() for part in value.split(",") if part.strip()]
    if kind == "bool" and value.lower() in {"true", "yes", "on", "false", "no", "off"}:
        return value.lower() in {"true", "yes", "on"}
    if kind in {"int", "float"} and value.lower() != "none":
        try:
            return int(value) if kind == "int" else float(value)
        except ValueError:
            raise UsageError(f"{text!r}: it takes a number") from None
    return value
