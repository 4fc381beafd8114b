"""Whatever lies in a watched folder is reported and harmless; good recordings beside it come in."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cryobatch.importing import Take
from cryobatch.importing.completeness import prove
from cryobatch.importing.find import read_recording
from cryobatch.importing.watching.settle import FAST_S, PATIENT_S
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.watching import Orders
from cryobatch.store.watching import FileState
from tests.daemon.watched import PICK, Session, write_micrograph

XML_BOMB = """<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<MicroscopeImage>&c;</MicroscopeImage>"""


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's own settings out."""
    (tmp_path / "site.toml").touch()
    monkeypatch.setenv("CRYOBATCH_SITE", str(tmp_path / "site.toml"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Return a project that watches a folder."""
    (tmp_path / "microscope").mkdir()
    with Project.create(tmp_path / "project", facts={"pixel_size": 1.5}) as project:
        begun = Session.begin(project, tmp_path / "microscope")
        yield begun
        begun.importer.close()


def test_bad_files_are_listed_with_reasons_and_good_ones_taken(session: Session) -> None:
    """Empty, cut, overlong, huge, senseless, no files at all, and a bomb for an XML."""
    folder = session.folder
    whole = write_micrograph(folder / "good.mrc").read_bytes()
    hole = "FoilHole_1_Data_2_3_20260301_120000"
    bad = {
        "empty.mrc": b"", "cut.mrc": whole[:-1], "header.mrc": whole[:900], "noise.tif": whole[:64],
        "zeros.eer": bytes(5000), "long.mrc": whole + bytes(100_000), "xml.tiff": XML_BOMB.encode(),
        "packed.mrc.gz": b"\x1f\x8b" + bytes(50), "cut.mrc.bz2": b"BZh9" + bytes(50),
    }  # fmt: skip
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    with (folder / "huge.mrc").open("wb") as file:
        file.truncate(1 << 42)
    (folder / f"{hole}_fractions.mrc").write_bytes(write_micrograph(folder / "b", 7).read_bytes())
    (folder / f"{hole}.xml").write_text(XML_BOMB)
    (folder / "folder.mrc").mkdir()
    os.mkfifo(folder / "pipe.mrc")
    (folder / "round.mrc").symlink_to(folder / "round.mrc")
    (folder / "up").symlink_to(folder)
    for _ in range(3):
        session.pass_time(PATIENT_S * 1.1)
    assert session.names() == [f"{hole}_fractions", "good"]
    report = session.report()
    listed = {row.path: row.reason for row in [*report.incomplete, *report.failed]}
    assert set(listed) == {*bad, "huge.mrc"}
    assert all(len(reason) > 10 for reason in listed.values()), listed


@pytest.mark.parametrize("take", [Take.LINK, Take.COPY])
def test_odd_names_lead_to_images_with_safe_ones(session: Session, take: Take) -> None:
    """Spaces, quotes, line breaks, 255 characters; names that are no text are told and left."""
    names = ["a b.mrc", "quote'\"$(x);.mrc", "line\nbreak.mrc", "x" * 251 + ".mrc", "ünï.mrc"]
    for number, name in enumerate(names):
        write_micrograph(session.folder / "plain").rename(session.folder / name)
        write_micrograph(session.folder / "plain", number).rename(session.folder / name)
    write_micrograph(session.folder / "plain", 99).rename(
        session.folder / os.fsdecode(b"\xff\xfe.mrc")
    )
    session.project.watching.add(session.folder, Orders(choice=PICK, take=take))
    for _ in range(3):
        session.pass_time(FAST_S * 2)
    assert len(session.names()) == len(names)
    (failed,) = session.report().failed
    assert failed.reason == "its name is no text in UTF-8; rename it"
    (line,) = session.told(Level.ERROR)
    assert line.count(".mrc") == 1
    assert str(session.importer.trouble).encode("utf-8")
    for row in session.project.images.rows():
        image = session.project.images.record(int(str(row["id"]))).image
        path = Path(image.root_file)
        assert (session.project.images.folder(image.id) / path).is_file()
    assert len(session.project.queue.listing()) == len(names)


def test_what_is_no_recording_is_said_to_be_what_it_is(session: Session) -> None:
    """It failed, as nothing more will come; what has no bytes yet is incomplete."""
    (session.folder / "notes.tif").write_text("Remember the milk, and the gain reference.\n")
    (session.folder / "later.tif").write_bytes(bytes(4000))
    for _ in range(3):
        session.pass_time(PATIENT_S)
    (failed,), (incomplete,) = session.report().failed, session.report().incomplete
    assert (failed.path, failed.reason) == ("notes.tif", "it is no TIFF file, but text")
    assert (incomplete.path, incomplete.reason) == ("later.tif", "its header is not there yet")
    assert any("notes.tif is not imported: it is" in text for text in session.told(Level.ERROR))
    write_micrograph(session.folder / "good.mrc").rename(session.folder / "notes.tif")
    (session.folder / "notes.tif").rename(session.folder / "notes.mrc")
    session.pass_time(FAST_S * 2)
    assert session.names() == ["notes"]


def test_files_that_vanish_at_any_moment_are_forgotten(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before they are proven, before they are read, and before they are registered."""
    paths = [write_micrograph(session.folder / f"{n}.mrc", n) for n in range(3)]
    session.pass_time(FAST_S / 2)
    paths[0].unlink()

    def prove_and_lose(path: Path, **options: int) -> object:
        if path == paths[1]:
            path.unlink(missing_ok=True)
        return prove(path, **options)

    def read_and_lose(path: Path, *more: object) -> object:
        found = read_recording(path, *more)  # type: ignore[arg-type]  # passed on
        if path == paths[2]:
            path.rename(path.with_suffix(".away"))
        return found

    monkeypatch.setattr("cryobatch.daemon.examiner.prove", prove_and_lose)
    monkeypatch.setattr("cryobatch.daemon.examiner.read_recording", read_and_lose)
    session.project.watching.add(session.folder, Orders(choice=PICK, take=Take.COPY))
    for _ in range(3):
        session.pass_time(PATIENT_S)
    assert session.names() == []
    counts = session.report().counts
    assert counts[FileState.IMPORTED] == 0
    paths[2].with_suffix(".away").rename(paths[2])
    session.pass_time(PATIENT_S)
    monkeypatch.undo()


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_listed_until_it_may(session: Session) -> None:
    """With the reason; taken when somebody has allowed it."""
    path = write_micrograph(session.folder / "a.mrc")
    path.chmod(0)
    for _ in range(3):
        session.pass_time(PATIENT_S)
    (row,) = session.report().incomplete
    assert "permission" in row.reason
    path.chmod(0o600)
    for _ in range(3):
        session.pass_time(PATIENT_S * 5)
    assert session.names() == ["a"]


def test_a_file_that_finds_a_fault_of_ours_does_not_stop_the_others(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a fault files are taken one by one, and the one that causes it waits ever longer."""
    for number in range(6):
        write_micrograph(session.folder / f"{number}.mrc", number)

    def stumble(path: Path, *more: object) -> object:
        if path.name == "2.mrc":
            raise ValueError("a fault of ours")
        return read_recording(path, *more)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr("cryobatch.daemon.examiner.read_recording", stumble)
    faults = 0
    for _ in range(40):
        try:
            session.importer.step()
        except ValueError:
            faults += 1
        session.clock.now += 0.5
    assert session.names() == ["0", "1", "3", "4", "5"]
    assert 1 <= faults <= 3


def test_a_stack_of_a_tilt_series_is_no_recording(session: Session) -> None:
    """Its mdoc says that it holds a series' images: it is passed over, and nobody is bothered."""
    whole = write_micrograph(session.folder / "good.mrc").read_bytes()
    (session.folder / "series.mrc").write_bytes(whole)
    views = "\n".join(f"[ZValue = {n}]\nTiltAngle = {n}\nPixelSpacing = 1.5\n" for n in range(3))
    (session.folder / "series.mrc.mdoc").write_text(f"PixelSpacing = 1.5\n\n{views}")
    for _ in range(4):
        session.pass_time(PATIENT_S)
    assert session.names() == ["good"]
    assert sum(session.report().counts.values()) == 1
