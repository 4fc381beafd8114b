"""The project: made once, opened from anywhere in it, honest about what is wrong."""

import socket
from pathlib import Path

import pytest

from cryobatch import Project
from cryobatch.errors import ProjectError, SettingsError, UsageError
from cryobatch.formats.settings_file import read_project_settings
from cryobatch.project import Selection, place
from cryobatch.project.place import choose_place, file_system_of, runtime_folder
from tests.projects import add_images, make_project

ALL = Selection(everything=True)
MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /home nfs4 rw 0 0
/dev/sdb1 /home/local xfs rw 0 0
//nas/micro\\040scope /mnt/micro\\040scope cifs rw 0 0
nas:/a /mnt/new\\012line nfs rw 0 0
/dev/sdc1 /data ext4 rw 0 0
tank /data beegfs rw 0 0
"""


def test_a_project_is_opened_from_any_folder_in_it(tmp_path: Path) -> None:
    """As git finds its own."""
    Project.create(tmp_path / "p", name="Ribosomes").close()
    inner = tmp_path / "p" / "images"
    with Project.open(inner) as project:
        assert project.place.folder == tmp_path / "p"
        assert project.settings.name == "Ribosomes"
        assert project.images.rows() == []


def test_facts_given_at_the_start_are_the_projects(tmp_path: Path) -> None:
    """Typed and checked; a gain reference must be there and is kept as an absolute path."""
    gain = tmp_path / "gain.mrc"
    gain.write_text("gain")
    facts = {"pixel_size": "1.06", "voltage": 300, "gain": gain}
    with Project.create(tmp_path / "p", facts=facts) as project:
        known = project.settings.acquisition
        assert known == {"pixel_size": 1.06, "voltage": 300.0, "gain": str(gain)}


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"pixelsize": 1.0}, "known: pixel_size"),
        ({"pixel_size": "wide"}, r"pixel_size = 'wide': it takes a number from 0.05 to 100 Å"),
        ({"voltage": 3}, "voltage = 3: it takes a number from 20 to 1500 kV"),
        ({"gain": "/nowhere/gain.mrc"}, "there is no file /nowhere/gain.mrc"),
    ],
)
def test_a_wrong_fact_makes_no_project(tmp_path: Path, facts: dict[str, object], why: str) -> None:
    """The message says what it takes, and no folder is left half made."""
    with pytest.raises((UsageError, ProjectError), match=why):
        Project.create(tmp_path / "p", facts=facts)
    assert not (tmp_path / "p" / "project.toml").exists()


def test_a_project_is_made_once(tmp_path: Path) -> None:
    """The second time says so and harms nothing."""
    Project.create(tmp_path / "p", name="first").close()
    with pytest.raises(ProjectError, match="holds a project already"):
        Project.create(tmp_path / "p", name="second")
    with Project.open(tmp_path / "p") as project:
        assert project.settings.name == "first"


def test_a_folder_without_a_project_says_how_to_make_one(tmp_path: Path) -> None:
    """And how to name another."""
    with pytest.raises(ProjectError, match=r"not in a project.*--project DIR.*cryobatch new DIR"):
        Project.open(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file stands in the way."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match=f"{tmp_path}/file/p cannot become a project"):
        Project.create(tmp_path / "file" / "p")


def test_a_project_without_its_library_names_the_way_back(tmp_path: Path) -> None:
    """The parameter files are the truth."""
    Project.create(tmp_path / "p").close()
    (tmp_path / "p" / "library.db").unlink()
    with pytest.raises(ProjectError, match=r"library\.db.*doctor --rebuild"):
        Project.open(tmp_path / "p")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[project\n", "is not TOML"),
        ("[projcet]\nname = 'x'\n", "'projcet'; known: project"),
        ("[project]\nname = 'x'\n", r"project\.id should be a text"),
        (
            "WHOLE[queue]\nmax_loses = 3\n",
            r"setting in \[queue\] is called 'max_loses'; known: max",
        ),
        ("WHOLE[queue]\nmax_losses = 0\n", r"queue\.max_losses = 0: it takes a number from 1"),
        ("WHOLE[processors]\nthreads = 1.5\n", r"processors\.threads = 1.5.*whole number"),
        ("WHOLE[processors]\nmemory_limit_gb = nan\n", "it takes a number"),
        ("WHOLE[processors]\nscratch = 7\n", r"processors\.scratch should be a text"),
        ("WHOLE[history]\nkeep_products = 1\n", r"history\.keep_products"),
        ("WHOLE[workflows]\nmine = 'fit_ctf'\n", r"workflows\.mine should be a list"),
        ("WHOLE[acquisition]\npixel_siz = 1\n", "'pixel_siz'; known: pixel_size"),
        ("WHOLE[acquisition]\ncs = 'big'\n", "cs = 'big'"),
        ("WHOLE[parameters]\nfit_ctf = 3\n", r"\[fit_ctf\] should be a table"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, why: str) -> None:
    """File, key, what it takes, and the nearest name."""
    Project.create(tmp_path / "p").close()
    path = tmp_path / "p" / "project.toml"
    path.write_text(text.replace("WHOLE", path.read_text()))
    with pytest.raises(SettingsError, match=rf"{path}: .*{why}"):
        Project.open(tmp_path / "p")


def test_a_default_workflow_must_be_one_of_the_workflows(tmp_path: Path) -> None:
    """The nearest name comes first."""
    Project.create(tmp_path / "p").close()
    path = tmp_path / "p" / "project.toml"
    path.write_text(path.read_text().replace('movie = "movie"', 'movie = "moive"'))
    with pytest.raises(SettingsError, match=r"default_workflows\.movie.*'moive'; known: movie"):
        Project.open(tmp_path / "p")


def test_what_a_new_project_writes_is_what_it_reads(tmp_path: Path) -> None:
    """Settings survive; the defaults are there without being written."""
    with Project.create(tmp_path / "p", facts={"cs": 2.7}) as project:
        assert read_project_settings(project.place.settings) == project.settings
        assert project.settings.workflows["micrograph"][0] == "fit_ctf"
        assert project.settings.queue.max_losses == 3


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/scratch/p", "ext4"),
        ("/home/me/p", "nfs4"),
        ("/home/local/p", "xfs"),
        ("/homework", "ext4"),
        ("/mnt/micro scope/p", "cifs"),
        ("/mnt/new\nline", "nfs"),
        ("/data/p", "beegfs"),
    ],
)
def test_the_file_system_of_a_folder_is_that_of_the_innermost_mount(folder: str, kind: str) -> None:
    """Also where names hold spaces, and where one mount covers another."""
    assert file_system_of(Path(folder), MOUNTS) == kind


def test_on_a_network_file_system_database_and_lock_stay_on_a_local_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the user's state folder; ``project.toml`` names host and path."""
    assert choose_place(tmp_path, "id") is None
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(place, "is_on_network", lambda _: True)
    with Project.create(tmp_path / "p") as project:
        add_images(project, 1)
        own = project.settings.place
        assert own is not None
        assert own.host == socket.gethostname()
        assert project.place.database.parent == Path(own.path)
        assert project.place.lock.parent == Path(own.path)
        assert project.place.images.parent == tmp_path / "p"
    with Project.open(tmp_path / "p") as project:
        assert len(project.images.rows()) == 1
    assert not (tmp_path / "p" / "library.db").exists()


def test_another_host_is_told_where_to_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hosts with one database would destroy it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(place, "is_on_network", lambda _: True)
    Project.create(tmp_path / "p").close()
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    here = read_project_settings(tmp_path / "p" / "project.toml").place
    assert here is not None
    with pytest.raises(ProjectError, match=f"its database is on {here.host}.*there"):
        Project.open(tmp_path / "p")


def test_the_folder_for_sockets_is_this_users_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that others may write to is refused."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = runtime_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    with Project.create(tmp_path / "p") as project:
        assert project.place.doorbell.parent == folder
    folder.chmod(0o777)
    with pytest.raises(ProjectError, match="nobody else"):
        runtime_folder()


def test_a_change_of_settings_or_scripts_is_seen(tmp_path: Path) -> None:
    """The stamp changes with project.toml and with each script; else it stays."""
    with make_project(tmp_path / "p", scripts={}) as project:
        stamps = [project.stamp(), project.stamp()]
        (project.place.scripts / "new.sh").write_text("x")
        stamps.append(project.stamp())
        project.place.settings.write_text(
            project.place.settings.read_text() + "\n[parameters.fit_ctf]\nresolution_low = 20\n"
        )
        stamps.append(project.stamp())
        assert stamps[0] == stamps[1]
        assert len(set(stamps)) == 3
        project.reload()
        assert project.settings.parameters == {"fit_ctf": {"resolution_low": 20}}
        assert "fit_ctf" in project.catalog.scripts


def test_a_broken_change_leaves_the_settings_as_they_were(tmp_path: Path) -> None:
    """The daemon goes on with what it has."""
    with make_project(tmp_path / "p") as project:
        before = project.settings
        project.place.settings.write_text("[")
        with pytest.raises(SettingsError):
            project.reload()
        assert project.settings == before
