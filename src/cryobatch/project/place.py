"""The place: which folders and files of a project are where."""

import os
import re
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryobatch.errors import ProjectError
from cryobatch.model.settings import Place, ProjectSettings

_NETWORK_FILE_SYSTEMS = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "glusterfs",
    "afs", "9p", "pvfs2", "orangefs", "panfs", "wekafs", "fuse.sshfs", "fuse.glusterfs",
    "fuse.ceph", "fuse.beegfs", "fuse.davfs", "fuse.rclone", "fuse.s3fs", "fuse.juicefs",
    "fuse.gvfsd-fuse",
}  # fmt: skip
_OCTAL = re.compile(r"\\([0-7]{3})")
"""How /proc/mounts writes spaces and the like in names."""


@dataclass(frozen=True, slots=True)
class ProjectPlace:
    """Where the parts of a project are.

    Args:
        folder: The project's folder.
        state: Folder of database and lock, on a local disk.
        doorbell: Socket that wakes the daemon.
    """

    folder: Path
    state: Path
    doorbell: Path

    @property
    def settings(self) -> Path:
        """Return the project's settings file."""
        return self.folder / "project.toml"

    @property
    def database(self) -> Path:
        """Return the library, queue and log."""
        return self.state / "library.db"

    @property
    def log_texts(self) -> Path:
        """Return the index of the log's texts, which is made anew when it is gone."""
        return self.state / ".log-texts.db"

    @property
    def lock(self) -> Path:
        """Return the daemon's lock."""
        return self.state / "daemon.lock"

    @property
    def groups(self) -> Path:
        """Return the record of the daemon's processors."""
        return self.state / "processors.json"

    @property
    def images(self) -> Path:
        """Return the folder of all groups."""
        return self.folder / "images"

    @property
    def scripts(self) -> Path:
        """Return the folder of the project's own scripts."""
        return self.folder / "scripts"

    @property
    def staging(self) -> Path:
        """Return the folder of what waits to be committed."""
        return self.folder / ".staging"

    @property
    def catalog_cache(self) -> Path:
        """Return the file that remembers what Python scripts declare."""
        return self.state / ".scripts.json"

    def image_folder(self, group: str, name: str) -> Path:
        """Return the folder of an image."""
        return self.images / group / name


def choose_place(folder: Path, project_id: str) -> Place | None:
    """Return where a new project keeps database and lock; None: in its own folder."""
    if not is_on_network(folder):
        return None
    base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return Place(host=socket.gethostname(), path=str(base / "cryobatch" / project_id))


def find_place(folder: Path, settings: ProjectSettings) -> ProjectPlace:
    """Return where a project's parts are.

    Raises:
        ProjectError: The project is worked on from another machine; the text says which.
    """
    state = folder
    if settings.place is not None:
        if settings.place.host != socket.gethostname():
            raise ProjectError(
                f"{folder}: its database is on {settings.place.host} "
                f"({settings.place.path}); work on the project there"
            )
        state = Path(settings.place.path)
    return ProjectPlace(folder, state, runtime_folder() / f"{settings.id}.bell")


def runtime_folder() -> Path:
    """Return this user's folder for sockets, which nobody else may use.

    Raises:
        ProjectError: Somebody else has made a folder of that name.
    """
    base = Path(tempfile.gettempdir()) / f"cryobatch-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    status = base.lstat()
    if status.st_uid != os.getuid() or base.is_symlink() or status.st_mode & 0o077:
        raise ProjectError(f"{base}: must be a folder of your own that nobody else may use")
    return base


def is_on_network(folder: Path) -> bool:
    """Tell whether a folder lies on a network file system, where locks and SQLite fail."""
    return file_system_of(folder, Path("/proc/mounts").read_text()) in _NETWORK_FILE_SYSTEMS


def lacks_events(folder: Path, mounts: str | None = None) -> bool:
    """Tell whether files that appear in a folder may come without an event of the kernel.

    Network file systems report only what this machine does; of others in user space (FUSE) nobody
    knows. One that is mounted somewhere below the folder counts too.

    Args:
        folder: Any folder, there or not.
        mounts: Lines of /proc/mounts; None: as they are.
    """
    if mounts is None:
        mounts = Path("/proc/mounts").read_text()
    start = str(folder.resolve()).rstrip("/") + "/"
    kinds = {kind for point, kind in _read_mounts(mounts) if point.startswith(start)}
    kinds.add(file_system_of(folder, mounts))
    return any(kind in _NETWORK_FILE_SYSTEMS or kind.startswith("fuse.") for kind in kinds)


def file_system_of(folder: Path, mounts: str) -> str:
    """Return the type of the file system that a folder lies on.

    Args:
        folder: Any folder, there or not.
        mounts: Lines of /proc/mounts: device, mount point, type, options.
    """
    path = str(folder.resolve())
    best, kind = "", ""
    for point, found in _read_mounts(mounts):
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind


def _read_mounts(text: str) -> Iterator[tuple[str, str]]:
    """Yield mount point and type of each line of /proc/mounts."""
    for line in text.splitlines():
        fields = line.split()
        yield _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[1]), fields[2]
