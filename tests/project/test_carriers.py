"""Files are brought to another folder or host: whole or not at all, and once."""

import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cryobatch.errors import BadInput, ProjectError
from cryobatch.importing import Pace
from cryobatch.project.central.carriers import (
    Carrier,
    CopyStopped,
    FolderCarrier,
    TargetAwayError,
    is_same,
    open_target,
)
from cryobatch.project.central.central_copy import CopyFile, Target, parse_target
from cryobatch.project.central.rsync import RsyncCarrier

needs_rsync = pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
MakeCarrier = Callable[..., Carrier]


@pytest.fixture(params=["folder", pytest.param("rsync", marks=needs_rsync)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> MakeCarrier:
    """Return a function that makes a carrier to ``central``."""

    def make_one(rate_mb_s: float | None = None, enough: threading.Event | None = None) -> Carrier:
        folder = tmp_path / "central"
        end = enough or threading.Event()
        if request.param == "rsync":
            return RsyncCarrier(Target(None, str(folder)), rate_mb_s, end.is_set)
        pace = None if rate_mb_s is None else Pace(rate_mb_s * 1e6)
        return FolderCarrier(folder, pace, end.is_set)

    return make_one


@pytest.fixture
def files(tmp_path: Path) -> list[CopyFile]:
    """Return files with odd names."""
    found = []
    names = ["a.mrc", "with space 'and' \"quotes\"", "-n", "line\nbreak", os.fsdecode(b"odd\xff")]
    for number, name in enumerate(names):
        source = tmp_path / "project" / name
        source.parent.mkdir(exist_ok=True)
        source.write_bytes(bytes([number]) * (1000 + number))
        found.append(CopyFile(source, f"images/group/image/{name}"))
    return found


def arrived(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_arrive_whole_with_their_times(
    make: MakeCarrier, files: list[CopyFile], tmp_path: Path
) -> None:
    """Whatever their names."""
    make().carry(files)
    central = tmp_path / "central"
    assert arrived(central) == {file.path: file.source.read_bytes() for file in files}
    assert all(is_same(file.source, central / file.path) for file in files)
    back = tmp_path / "back"
    assert make().fetch(files[1].path, back)
    assert back.read_bytes() == files[1].source.read_bytes()
    assert not make().fetch("images/nothing", tmp_path / "nothing")


def test_what_is_there_is_not_copied_again_and_what_changed_is(
    make: MakeCarrier, files: list[CopyFile], tmp_path: Path
) -> None:
    """Also where size and second are the same; nothing is ever deleted there."""
    make().carry(files)
    central = tmp_path / "central"
    places = [central / file.path for file in files]
    before = [place.stat().st_ino for place in places]
    (central / "images" / "theirs").write_text("somebody else's")
    changed = files[0].source
    moment = changed.stat().st_mtime_ns
    changed.write_bytes(b"x" * 1000)
    os.utime(changed, ns=(moment, moment // 10**9 * 10**9 + (moment + 1000) % 10**9))
    files[3].source.unlink()
    make().carry([*files[:3], files[4]])
    assert places[0].read_bytes() == b"x" * 1000
    assert [place.stat().st_ino for place in places[1:]] == before[1:]
    assert (central / "images" / "theirs").exists()


def test_one_that_is_gone_is_told(make: MakeCarrier, files: list[CopyFile]) -> None:
    """It is the image's trouble, not the target's."""
    files[2].source.unlink()
    with pytest.raises(BadInput, match="-n"):
        make().carry(files)


def test_a_copy_that_is_stopped_leaves_no_half_file(make: MakeCarrier, tmp_path: Path) -> None:
    """It goes slowly where that is asked for, ends when it shall, and is whole the next time."""
    source = tmp_path / "big.mrc"
    source.write_bytes(os.urandom(6_000_000))
    file = CopyFile(source, "images/big.mrc")
    enough = threading.Event()
    timer = threading.Timer(0.3, enough.set)
    timer.start()
    slow = make(1.0, enough)
    with pytest.raises(CopyStopped):
        slow.carry([file])
    timer.join()
    place = tmp_path / "central" / file.path
    assert not place.exists()
    make().carry([file])
    assert place.read_bytes() == source.read_bytes()


def test_a_target_is_begun_once_and_waited_for_when_it_is_away(
    make: MakeCarrier, tmp_path: Path
) -> None:
    """An empty folder where copies should be is a disk that is not mounted."""
    central = tmp_path / "central"
    target = Target(None, str(central))
    open_target(target, make(), "one", begun=False)
    open_target(target, make(), "one", begun=True)
    with pytest.raises(ProjectError, match="another project"):
        open_target(target, make(), "two", begun=False)
    (central / "central-copy.toml").unlink()
    with pytest.raises(TargetAwayError, match="is gone; mount the disk"):
        open_target(target, make(), "one", begun=True)
    with pytest.raises(TargetAwayError, match="is not there"):
        open_target(Target(None, str(tmp_path / "no" / "disk")), make(), "one", begun=False)
    assert not (tmp_path / "no").exists()


@needs_rsync
def test_a_host_that_does_not_answer_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so is one where no rsync is to be had here."""
    target = parse_target("nowhere.invalid:/data", tmp_path)
    with pytest.raises(TargetAwayError, match=r"nowhere\.invalid:/data: rsync: "):
        open_target(target, RsyncCarrier(target), "one", begun=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TargetAwayError, match="rsync, which is not installed"):
        open_target(target, RsyncCarrier(target), "one", begun=False)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the name of a host that ssh reaches: a server of our own on this machine."""
    server = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if server is None:
        # What an ssh server does with its words: it gives them to the user's shell.
        shell = tmp_path / "shell"
        shell.write_text('#!/bin/sh\nshift\nexec sh -c "$*"\n')
        shell.chmod(0o755)
        monkeypatch.setenv("RSYNC_RSH", str(shell))
        yield "central"
        return
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    own = tmp_path / "ssh"
    own.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", own / name], check=True
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (own / "server").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {own}/host\nPidFile none\n"
        f"AuthorizedKeysFile {own}/user.pub\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPermitRootLogin yes\n"
    )
    (own / "client").write_text(
        f"Host central\nHostName 127.0.0.1\nPort {port}\nUser {getpass.getuser()}\n"
        f"IdentityFile {own}/user\nIdentitiesOnly yes\nStrictHostKeyChecking no\n"
        f"UserKnownHostsFile {own}/known\nLogLevel ERROR\nBatchMode yes\n"
    )
    process = subprocess.Popen([server, "-D", "-f", own / "server"], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while subprocess.run(
            ["ssh", "-F", own / "client", "central", "true"], check=False, capture_output=True
        ).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.skip("the ssh server does not work here")
        monkeypatch.setenv("RSYNC_RSH", f"ssh -F {own / 'client'}")
        yield "central"
    finally:
        process.terminate()
        process.wait()


@needs_rsync
def test_another_host_is_copied_to(host: str, files: list[CopyFile], tmp_path: Path) -> None:
    """By rsync over ssh; the folder's name is no word of the shell there."""
    folder = tmp_path / "central $(touch hacked); it's"
    target = parse_target(f"{host}:{folder}", tmp_path / "project")
    carrier = RsyncCarrier(target)
    open_target(target, carrier, "one", begun=False)
    carrier.carry(files)
    open_target(target, carrier, "one", begun=True)
    found = arrived(folder)
    assert "central-copy.toml" in found
    assert {file.path: file.source.read_bytes() for file in files}.items() <= found.items()
    assert carrier.fetch(files[0].path, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == files[0].source.read_bytes()
    shutil.rmtree(folder)
    with pytest.raises(TargetAwayError, match="is gone; mount the disk"):
        open_target(target, carrier, "one", begun=True)
