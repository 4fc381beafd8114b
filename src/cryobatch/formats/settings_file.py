"""Settings files: project.toml and site.toml, to and from the model's settings."""

import dataclasses
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import tomli_w

from cryobatch.errors import CryobatchError, SettingsError, UnknownNameError
from cryobatch.model.facts import check_fact
from cryobatch.model.settings import (
    DEFAULT_WORKFLOWS,
    Camera,
    CopySettings,
    DiskSettings,
    HistorySettings,
    ImportSettings,
    Microscope,
    Place,
    ProcessorSettings,
    ProjectSettings,
    QueueSettings,
    SiteSettings,
)

Record = TypeVar("Record", ProcessorSettings, QueueSettings, HistorySettings, DiskSettings,
                 ImportSettings, CopySettings, Place)  # fmt: skip
AnyRecord = (
    ProcessorSettings
    | QueueSettings
    | HistorySettings
    | DiskSettings
    | ImportSettings
    | CopySettings
    | Place
)
Settings = TypeVar("Settings")
Table = Mapping[str, Any]
"""A table of a TOML file (Any: TOML's own variety)."""

_PROJECT_KEYS = {"project", "acquisition", "workflows", "default_workflows", "categories",
                 "parameters", "processors", "queue", "history", "disk", "import",
                 "copy", "place"}  # fmt: skip
_NUMBERS: Mapping[str, tuple[type, float]] = {
    "number": (int, 1), "threads": (int, 1), "gpus": (int, 0), "memory_limit_gb": (float, 0.05),
    "machine_limit": (int, 1), "max_losses": (int, 1), "warn_gb": (float, 0.0),
    "hold_gb": (float, 0.0), "rate_mb_s": (float, 0.001),
}  # fmt: skip


def read_project_settings(path: Path) -> ProjectSettings:
    """Read a project.toml.

    Raises:
        SettingsError: The file cannot be read or something in it is wrong; the text says what.
    """
    return _load(path, parse_project)


def read_site_settings(path: Path) -> SiteSettings:
    """Read a site.toml.

    Raises:
        SettingsError: The file cannot be read or something in it is wrong; the text says what.
    """
    return _load(path, parse_site)


def parse_project(data: Table) -> ProjectSettings:
    """Return the settings of a parsed project.toml."""
    _check_keys("", data, _PROJECT_KEYS)
    project = _table(data, "project")
    _check_keys("project", project, {"name", "id", "created_at"})
    workflows = {**DEFAULT_WORKFLOWS, **_parse_workflows(_table(data, "workflows"))}
    defaults = {"movie": "movie", "micrograph": "micrograph"} | _texts(data, "default_workflows")
    for root, name in defaults.items():
        if name not in workflows:
            raise UnknownNameError(f"workflow (default_workflows.{root})", name, workflows)
    return ProjectSettings(
        name=_text(project, "project", "name"),
        id=_text(project, "project", "id"),
        created_at=_text(project, "project", "created_at"),
        acquisition=_facts(_table(data, "acquisition")),
        workflows=workflows,
        default_workflows=defaults,
        categories=_texts(data, "categories"),
        parameters=_parse_parameters(_table(data, "parameters")),
        processors=_record(ProcessorSettings, data, "processors"),
        queue=_record(QueueSettings, data, "queue"),
        history=_record(HistorySettings, data, "history"),
        disk=_record(DiskSettings, data, "disk"),
        importing=_record(ImportSettings, data, "import"),
        copying=_record(CopySettings, data, "copy"),
        place=_record(Place, data, "place") if "place" in data else None,
    )


def parse_site(data: Table) -> SiteSettings:
    """Return the settings of a parsed site.toml."""
    _check_keys("", data, {"acquisition", "microscopes", "cameras", "parameters", "processors",
                           "gain_folder", "programs", "file_group", "umask"})  # fmt: skip
    return SiteSettings(
        acquisition=_facts(_table(data, "acquisition")),
        microscopes={
            name: _parse_microscope(
                f"microscopes.{name}", _table(_table(data, "microscopes"), name)
            )
            for name in _table(data, "microscopes")
        },
        cameras={
            name: _parse_camera(f"cameras.{name}", _table(_table(data, "cameras"), name))
            for name in _table(data, "cameras")
        },
        parameters=_parse_parameters(_table(data, "parameters")),
        processors=_record(ProcessorSettings, data, "processors"),
        gain_folder=_optional_text(data, "gain_folder"),
        programs=_texts(data, "programs"),
        file_group=_optional_text(data, "file_group"),
        umask=_umask(data),
    )


def dump_project(settings: ProjectSettings) -> str:
    """Return the text of a project.toml."""
    own = {n: list(s) for n, s in settings.workflows.items() if DEFAULT_WORKFLOWS.get(n) != s}
    data: dict[str, Any] = {
        "project": {"name": settings.name, "id": settings.id, "created_at": settings.created_at},
        "acquisition": dict(settings.acquisition),
        "workflows": own,
        "default_workflows": dict(settings.default_workflows),
        "categories": dict(settings.categories),
        "parameters": {k: dict(v) for k, v in settings.parameters.items()},
        "processors": _set_members(settings.processors),
        "queue": _set_members(settings.queue),
        "history": _set_members(settings.history),
        "disk": _set_members(settings.disk),
        "import": _set_members(settings.importing),
        "copy": _set_members(settings.copying),
    }
    if settings.place is not None:
        data["place"] = _set_members(settings.place)
    return tomli_w.dumps({key: table for key, table in data.items() if table})


def _load(path: Path, parse: Callable[[Table], Settings]) -> Settings:
    """Parse one file, naming it in every error."""
    try:
        with path.open("rb") as file:
            return parse(tomllib.load(file))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from error
    except CryobatchError as error:
        raise SettingsError(f"{path}: {error}") from error


def _check_keys(where: str, table: Table, known: set[str]) -> None:
    for key in table:
        if key not in known:
            raise UnknownNameError(f"setting in [{where}]" if where else "setting", key, known)


def _table(data: Table, key: str) -> Table:
    found = data.get(key, {})
    if not isinstance(found, dict):
        raise SettingsError(f"[{key}] should be a table")
    return found


def _text(table: Table, where: str, key: str) -> str:
    found = table.get(key)
    if not isinstance(found, str):
        raise SettingsError(f"{where}.{key} should be a text")
    return found


def _optional_text(table: Table, key: str) -> str | None:
    return _text(table, "", key) if key in table else None


def _umask(table: Table) -> str | None:
    text = _optional_text(table, "umask")
    if text is not None and not re.fullmatch("0?[0-7]{3}", text):
        raise SettingsError(f'umask = {text!r}: it takes an octal text such as "0002"')
    return text


def _texts(data: Table, key: str) -> dict[str, str]:
    table = _table(data, key)
    return {name: _text(table, key, name) for name in table}


def _facts(table: Table) -> dict[str, bool | int | float | str]:
    return {name: check_fact(name, value) for name, value in table.items()}


def _parse_workflows(table: Table) -> dict[str, tuple[str, ...]]:
    for name, scripts in table.items():
        if not isinstance(scripts, list) or not all(isinstance(s, str) for s in scripts):
            raise SettingsError(f"workflows.{name} should be a list of scripts' names")
    return {name: tuple(scripts) for name, scripts in table.items()}


def _parse_parameters(table: Table) -> dict[str, dict[str, bool | int | float | str | None]]:
    # Whether the scripts know these parameters is seen when scripts are: a laboratory's own may
    # come later.
    return {script: dict(_parse_values(script, _table(table, script))) for script in table}


def _parse_values(script: str, table: Table) -> Iterator[tuple[str, bool | int | float | str]]:
    for name, value in table.items():
        if not isinstance(value, bool | int | float | str):
            where = f"parameters.{script}.{name}"
            raise SettingsError(f"{where} should be a number, a text, true or false")
        yield name, value


def _parse_microscope(where: str, table: Table) -> Microscope:
    _check_keys(where, table, {"names", "facts", "pixel_sizes"})
    sizes = _table(table, "pixel_sizes")
    return Microscope(
        names=_parse_names(where, table),
        facts=_facts(_table(table, "facts")),
        pixel_sizes=dict(_parse_pixel_size(where, k, v) for k, v in sizes.items()),
    )


def _parse_camera(where: str, table: Table) -> Camera:
    _check_keys(where, table, {"names", "rows", "columns"})
    rows, columns = table.get("rows"), table.get("columns")
    for value in (rows, columns):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise SettingsError(f"[{where}] should have rows and columns, in the camera's pixels")
    assert isinstance(rows, int)
    assert isinstance(columns, int)
    return Camera(rows, columns, _parse_names(where, table))


def _parse_names(where: str, table: Table, key: str = "names") -> tuple[str, ...]:
    names = table.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingsError(f"{where}.{key} should be a list of texts")
    return tuple(names)


def _parse_pixel_size(where: str, magnification: str, pixel_size: Any) -> tuple[str, float]:
    try:
        return f"{float(magnification):g}", float(check_fact("pixel_size", pixel_size))
    except (CryobatchError, ValueError) as error:
        raise SettingsError(
            f"{where}.pixel_sizes: {magnification} = {pixel_size!r}: "
            "write the nominal magnification and its pixel size in Å, such as 130000 = 1.06"
        ) from error


def _record(kind: type[Record], data: Table, key: str) -> Record:
    table = _table(data, key)
    _check_keys(key, table, {member.name for member in dataclasses.fields(kind)})
    try:
        return kind(**{name: _member(key, name, value) for name, value in table.items()})
    except TypeError as error:
        raise SettingsError(f"[{key}]: {error}") from error


def _member(where: str, name: str, value: Any) -> Any:
    if name in {"keep_products", "recordings"}:
        if not isinstance(value, bool):
            raise SettingsError(f"{where}.{name} = {value!r}: it takes true or false")
        return value
    if name == "what":
        return _parse_names(where, {name: value}, name)
    if name not in _NUMBERS:
        return _text({name: value}, where, name)
    kind, low = _NUMBERS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= low:
        raise SettingsError(f"{where}.{name} = {value!r}: it takes a number from {low:g}")
    if kind is int and not isinstance(value, int):
        raise SettingsError(f"{where}.{name} = {value!r}: it takes a whole number")
    return kind(value)


def _set_members(record: AnyRecord) -> dict[str, Any]:
    members = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    defaults = {field.name: field.default for field in dataclasses.fields(record)}
    return {name: value for name, value in members.items()
            if value is not None and value != defaults[name]}  # fmt: skip
