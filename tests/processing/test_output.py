"""What scripts print: kept in their logs, once, whatever becomes of the processor."""

from pathlib import Path

import pytest

from cryobatch.processing.output import OutputFile, keep_output


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return the place of a log in an image's folder."""
    (tmp_path / "image").mkdir()
    return tmp_path / "image" / "logs" / "odd.log"


@pytest.fixture
def output(tmp_path: Path, log: Path) -> OutputFile:
    """Return a processor's file, begun for that log."""
    file = OutputFile(tmp_path / "local-1.out")
    file.begin(str(log))
    return file


def test_a_silent_script_has_no_log(output: OutputFile, log: Path) -> None:
    """Neither file nor folder is made."""
    output.keep()
    assert not log.parent.exists()


def test_what_was_printed_is_added_to_the_log(output: OutputFile, log: Path) -> None:
    """Behind what an earlier run had said."""
    output.write(b"one\n")
    output.keep()
    output.begin(str(log))
    output.write(b"two\n")
    output.keep()
    assert log.read_bytes() == b"one\ntwo\n"


def test_a_killed_processors_words_are_kept(output: OutputFile, log: Path, tmp_path: Path) -> None:
    """Whoever finds its file knows the log."""
    output.write(b"\xff before the end")
    keep_output(tmp_path / "local-1.out", tmp_path / "image")
    assert log.read_bytes() == b"\xff before the end"


def test_what_is_kept_is_not_kept_again(output: OutputFile, log: Path, tmp_path: Path) -> None:
    """A processor that is killed while it rests has nothing left to say."""
    output.write(b"once\n")
    output.keep()
    keep_output(tmp_path / "local-1.out", tmp_path / "image")
    assert log.read_bytes() == b"once\n"


def test_words_that_cannot_be_kept_are_not_another_scripts(
    output: OutputFile, log: Path, tmp_path: Path
) -> None:
    """The log of the next image holds what was said of that image."""
    log.parent.write_text("in the way of the folder")
    output.write(b"of this image\n")
    with pytest.raises(OSError):
        output.keep()
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "logs" / "odd.log"
    output.begin(str(other))
    output.write(b"of the other\n")
    output.keep()
    assert other.read_bytes() == b"of the other\n"


@pytest.mark.parametrize("place", ["", '"/half', "[1]", '"relative.log"'])
def test_a_file_that_names_no_log_of_ours_is_left(tmp_path: Path, place: str) -> None:
    """Half a line, or a place outside of the images, leads nowhere."""
    (tmp_path / "local-1.out").write_text(f"{place}\nwords")
    keep_output(tmp_path / "local-1.out", tmp_path / "images")
    assert [path.name for path in tmp_path.iterdir()] == ["local-1.out"]


def test_without_a_file_nothing_is_kept(tmp_path: Path) -> None:
    """A processor that never ran a script has none."""
    keep_output(tmp_path / "local-1.out")
    assert not list(tmp_path.iterdir())
