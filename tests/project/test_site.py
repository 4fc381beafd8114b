"""What a site says holds for all of its projects."""

import grp
import os
import stat
from pathlib import Path

import pytest

from cryobatch.errors import ProjectError, SettingsError
from cryobatch.formats.settings_file import read_site_settings
from cryobatch.model.image import Fact
from cryobatch.model.settings import ProcessorSettings, SiteSettings
from cryobatch.project import Project
from cryobatch.project.site import (
    adopt_umask,
    calibrate,
    join_processors,
    load_site,
    site_file,
)

SITE = """
gain_folder = "{folder}"
umask = "0027"

[microscopes.krios]
names = ["Titan", "Krios"]
facts = {{cs = 2.7}}

[microscopes.krios.pixel_sizes]
105000 = 0.829
"""


def read_site(tmp_path: Path) -> SiteSettings:
    """Write and read the settings above."""
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(folder=tmp_path / "gains"))
    return read_site_settings(path)


def facts(**values: float | str | bool) -> dict[str, Fact]:
    """Return facts as a recording says them."""
    return {name: Fact(value, "XML") for name, value in values.items()}


def test_calibrated_pixel_size(tmp_path: Path) -> None:
    """Microscope and magnification give Cs and the calibrated pixel; super-resolution has half."""
    site = read_site(tmp_path)
    known = facts(microscope="TITAN52300, Titan", magnification=105000.0)
    assert calibrate(site, known) == {"cs": 2.7, "pixel_size": 0.829}
    finer = calibrate(site, known | facts(super_resolution=True))
    assert finer["pixel_size"] == pytest.approx(0.4145)


def test_unknown_microscope_gets_nothing(tmp_path: Path) -> None:
    """A microscope that the site does not name, or no name at all, has no calibration."""
    site = read_site(tmp_path)
    assert calibrate(site, facts(microscope="Glacios", magnification=105000.0)) == {}
    assert calibrate(site, {}) == {}
    assert calibrate(site, facts(microscope="Krios", magnification=81000.0)) == {"cs": 2.7}


def test_gain_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gain that is no path is looked for in the site's folder; the error names both places."""
    read_site(tmp_path)
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    (tmp_path / "gains").mkdir()
    (tmp_path / "gains" / "K3.mrc").write_bytes(b"x")
    with Project.create(tmp_path / "a", facts={"gain": "K3.mrc"}) as project:
        assert project.settings.acquisition["gain"] == str(tmp_path / "gains" / "K3.mrc")
    with pytest.raises(ProjectError, match=r"gains/K2\.mrc"):
        Project.create(tmp_path / "b", facts={"gain": "K2.mrc"})
    assert not (tmp_path / "b").exists()


def test_mask_for_new_files(tmp_path: Path) -> None:
    """The site's mask holds for what we make."""
    before = os.umask(0)
    try:
        adopt_umask(read_site(tmp_path))
        (tmp_path / "file").touch()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.parametrize("mask", ["999", "rwx", "7"])
def test_wrong_mask_is_an_error(tmp_path: Path, mask: str) -> None:
    """A mask that is no octal text is an error that names the file."""
    (tmp_path / "site.toml").write_text(f'umask = "{mask}"')
    with pytest.raises(SettingsError, match=r"site\.toml.*umask"):
        read_site_settings(tmp_path / "site.toml")


def test_group_of_new_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's folders belong to the site's group, and so will all that is made in them."""
    group = os.getgid()
    (tmp_path / "site.toml").write_text(f'file_group = "{grp.getgrgid(group).gr_name}"')
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    Project.create(tmp_path / "project").close()
    for folder in (tmp_path / "project", tmp_path / "project" / "images"):
        assert folder.stat().st_gid == group
        assert folder.stat().st_mode & stat.S_ISGID


def test_project_says_more_than_the_site() -> None:
    """Each member of the processors' settings is the project's, else the site's."""
    project = ProcessorSettings(number=3)
    site = ProcessorSettings(number=8, gpus=1, memory_limit_gb=6.0)
    assert join_processors(project, site) == ProcessorSettings(
        number=3, gpus=1, memory_limit_gb=6.0
    )


def test_a_named_file_that_is_not_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever named it means it: nothing may run with other settings. An empty name is none."""
    lost = tmp_path / "lost.toml"
    monkeypatch.setenv("CRYOBATCH_SITE", str(lost))
    with pytest.raises(SettingsError, match=rf"{lost}: is not there.*CRYOBATCH_SITE.*unset"):
        Project.create(tmp_path / "project")
    assert not (tmp_path / "project").exists()
    monkeypatch.setenv("CRYOBATCH_SITE", "")
    own = tmp_path / "configuration" / "cryobatch" / "site.toml"
    own.parent.mkdir(parents=True)
    own.write_text('gain_folder = "/gains"')
    assert load_site().gain_folder == "/gains"
    assert site_file() == own


def test_without_any_file_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody needs a site.toml; a user's one that leads nowhere is an error."""
    monkeypatch.delenv("CRYOBATCH_SITE")
    monkeypatch.setattr("cryobatch.project.site.SYSTEM_FILE", tmp_path / "system.toml")
    assert load_site() == SiteSettings()
    own = tmp_path / "configuration" / "cryobatch" / "site.toml"
    own.parent.mkdir(parents=True)
    own.symlink_to(tmp_path / "nowhere.toml")
    with pytest.raises(SettingsError, match=rf"{own}: cannot be read"):
        load_site()
