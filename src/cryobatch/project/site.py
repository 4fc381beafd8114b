"""The site: settings above all projects, and where they are."""

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from cryobatch.formats.settings_file import read_site_settings
from cryobatch.model.image import Fact, FactValue
from cryobatch.model.settings import ProcessorSettings, SiteSettings

SITE_VARIABLE = "CRYOBATCH_SITE"


def site_file() -> Path:
    """Return the site's settings file: the user's, else the system's."""
    named = os.environ.get(SITE_VARIABLE)
    if named:
        return Path(named)
    own = user_configuration() / "site.toml"
    return own if own.exists() else Path("/etc/cryobatch/site.toml")


def user_configuration() -> Path:
    """Return the user's folder of settings and scripts."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "cryobatch"


def load_site() -> SiteSettings:
    """Read the site's settings."""
    return read_site_settings(site_file())


def adopt_umask(site: SiteSettings) -> None:
    """Let this process, and all that it starts, make files with the site's mask."""
    if site.umask is not None:
        os.umask(int(site.umask, 8))


def site_facts(site: SiteSettings, known: Mapping[str, Fact]) -> dict[str, FactValue]:
    """Return what a site knows about a recording that names its microscope and magnification.

    Args:
        site: The site's settings.
        known: What the recording itself says.
    """
    facts: dict[str, FactValue] = dict(site.acquisition)
    microscope = known.get("microscope")
    magnification = known.get("magnification")
    for name, declared in site.microscopes.items():
        words = declared.names or (name,)
        if microscope is None or not any(w in str(microscope.value) for w in words):
            continue
        facts.update(declared.facts)
        if magnification is not None:
            calibrated = declared.pixel_sizes.get(f"{float(magnification.value):g}")
            if calibrated is not None:
                facts["pixel_size"] = calibrated
    return facts


def join_processors(project: ProcessorSettings, site: ProcessorSettings) -> ProcessorSettings:
    """Return a project's processors, with the site's where the project says nothing."""
    joined = {}
    for member in fields(ProcessorSettings):
        own = getattr(project, member.name)
        joined[member.name] = getattr(site, member.name) if own == member.default else own
    return ProcessorSettings(**joined)
