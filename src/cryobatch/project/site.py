"""The site: settings above all projects, and where they are."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from cryobatch.errors import SettingsError
from cryobatch.formats.settings_file import read_site_settings
from cryobatch.model.image import Fact, FactValue
from cryobatch.model.settings import Microscope, ProcessorSettings, SiteSettings

SITE_VARIABLE = "CRYOBATCH_SITE"
SYSTEM_FILE = Path("/etc/cryobatch/site.toml")


def site_file() -> Path:
    """Return where the site's settings are: in the named file, the user's, or the system's."""
    named = os.environ.get(SITE_VARIABLE)
    if named:
        return Path(named)
    own = user_configuration() / "site.toml"
    return SYSTEM_FILE if _is_absent(own) else own


def user_configuration() -> Path:
    """Return the user's folder of settings and scripts."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "cryobatch"


def load_site() -> SiteSettings:
    """Read the site's settings; a site without a file has the defaults.

    Raises:
        SettingsError: The file is wrong, cannot be read, or is named and not there.
    """
    path = site_file()
    if not _is_absent(path):
        return read_site_settings(path)
    if os.environ.get(SITE_VARIABLE):
        raise SettingsError(
            f"{path}: is not there, and {SITE_VARIABLE} says that the site's settings are: bring "
            "it back, name another file (an empty one for none), or unset the variable"
        )
    return SiteSettings()


def _is_absent(path: Path) -> bool:
    """Tell whether nothing has this name; a link to nowhere and what is hidden from us do."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # reading it will say why
    return False


def adopt_umask(site: SiteSettings) -> None:
    """Let this process, and all that it starts, make files with the site's mask."""
    if site.umask is not None:
        os.umask(int(site.umask, 8))


def calibrate(site: SiteSettings, known: Mapping[str, Fact]) -> dict[str, FactValue]:
    """Return what a site has measured of the microscope that made a recording.

    The pixel size is that of the camera's own pixels: a recording in super-resolution has half.

    Args:
        site: The site's settings.
        known: What the recording itself says; microscope and magnification are looked at.
    """
    microscope = _find_microscope(site, known.get("microscope"))
    if microscope is None:
        return {}
    facts: dict[str, FactValue] = dict(microscope.facts)
    magnification = known.get("magnification")
    if magnification is not None:
        pixel = microscope.pixel_sizes.get(f"{float(magnification.value):g}")
        finer = known.get("super_resolution")
        if pixel is not None:
            facts["pixel_size"] = pixel / 2 if finer is not None and finer.value else pixel
    return facts


def _find_microscope(site: SiteSettings, named: Fact | None) -> Microscope | None:
    if named is None:
        return None
    for name, declared in site.microscopes.items():
        if any(word in str(named.value) for word in declared.names or (name,)):
            return declared
    return None


def join_processors(project: ProcessorSettings, site: ProcessorSettings) -> ProcessorSettings:
    """Return a project's processors, with the site's where the project says nothing."""
    joined = {}
    for member in fields(ProcessorSettings):
        own = getattr(project, member.name)
        joined[member.name] = getattr(site, member.name) if own == member.default else own
    return ProcessorSettings(**joined)
