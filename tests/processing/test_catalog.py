"""The catalog: scripts from everywhere; a broken file is reported and stops nobody."""

import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from cryobatch.processing import catalog
from cryobatch.processing.catalog import Catalog, discover

PYTHON = '''
import cryobatch
print("a word at import")
@cryobatch.script(category="Share", values={"answer": cryobatch.Value("Å")})
def NAME(run):
    """Give an answer."""
    return {"answer": 42.0}
'''
HEADER = """MARK /// cryobatch
MARK title = "A script"
MARK category = "Fit CTF"
MARK inputs = ["micrograph"]
MARK outputs = {power_spectrum = "power_spectrum.mrc"}
MARK values.defocus_u = {unit = "Å", low = 0, high = 150000}
MARK parameters.resolution_low = {type = "float", default = 30.0, unit = "Å"}
MARK ///
"""
BUILT_IN = {"unpack", "fourier_crop", "correct_drift", "fit_ctf", "pick_particles",
            "calculate_statistics"}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder of scripts."""
    made = tmp_path / "scripts"
    made.mkdir()
    return made


def write_python(folder: Path, name: str, text: str = PYTHON) -> Path:
    """Write a Python file with a script of its own name."""
    path = folder / f"{name}.py"
    path.write_text(text.replace("NAME", name))
    return path


def write_executable(folder: Path, name: str, mark: str = "#", start: str = "#!/bin/sh\n") -> Path:
    """Write an executable with a header in its comments."""
    path = folder / name
    path.write_text(start + HEADER.replace("MARK", mark) + "echo nothing\n")
    path.chmod(0o755)
    return path


def find(folder: Path, cache: Path | None = None) -> Catalog:
    """Discover what is in a project's folder."""
    return discover([("project", folder)], cache)


def problems(found: Catalog) -> Mapping[str, str]:
    """Return what is wrong, by file name."""
    return {Path(problem.place).name: problem.text for problem in found.problems}


def test_the_packages_own_scripts_are_there() -> None:
    """Without any folder; they came by the same public way as a laboratory's."""
    found = discover([])
    assert set(found.scripts) >= BUILT_IN
    assert {found.scripts[name].origin for name in BUILT_IN} == {"package"}
    assert found.problems == ()


@pytest.mark.parametrize(
    ("mark", "start"),
    [("#", "#!/bin/bash\n"), ("//", "/* C */\n"), ("--", ""), ("%", "% MATLAB\n"), (";", "\n")],
)
def test_a_header_is_found_in_the_comments_of_any_language(
    folder: Path, mark: str, start: str
) -> None:
    """The declaration is the same; the version is a hash of the file."""
    path = write_executable(folder, "ctf.x", mark, start)
    found = find(folder)
    assert problems(found) == {}
    script = found.scripts["ctf"]
    assert (script.kind, script.place, script.origin) == ("executable", str(path), "project")
    assert script.values["defocus_u"].high == 150_000
    assert script.parameters["resolution_low"].default == 30.0
    assert script.outputs["power_spectrum"].file == "power_spectrum.mrc"
    path.write_text(path.read_text() + "\n")
    assert find(folder).scripts["ctf"].version != script.version


def test_a_laboratorys_python_is_asked_in_a_child(folder: Path) -> None:
    """What it prints disturbs nobody, and it is not imported here."""
    path = write_python(folder, "answer")
    found = find(folder)
    script = found.scripts["answer"]
    assert (script.kind, script.place, script.origin) == ("file", str(path), "project")
    assert script.help == "Give an answer."
    assert "cryobatch_laboratory_answer" not in sys.modules
    path.write_text(path.read_text() + "# another line\n")
    assert find(folder).scripts["answer"].version != script.version


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("no_toml.sh", "# /// cryobatch\n# category = \n# ///\n", "is not TOML"),
        ("no_end.sh", "# /// cryobatch\n# category = 'Share'\necho\n", "not closed"),
        ("no_category.sh", "# /// cryobatch\n# title = 'x'\n# ///\n", "names no category"),
        ("odd_key.sh", "# /// cryobatch\n# category = 'Share'\n# tilte = 'x'\n# ///\n", "tilte"),
        ("odd_type.sh", "# /// cryobatch\n# category = 'Share'\n"
         "# parameters.a = {type = 'complex'}\n# ///\n", r"parameters\.a"),
        ("odd_value.sh", "# /// cryobatch\n# category = 'Share'\n# values.a = 5\n# ///\n", "wrong"),
        ("odd_default.sh", "# /// cryobatch\n# category = 'Share'\n"
         "# parameters.a = {default = 'x'}\n# ///\n", r"parameters\.a"),
        ("odd_output.sh", "# /// cryobatch\n# category = 'Share'\n"
         "# outputs = {a = '../a'}\n# ///\n", "below the image"),
        ("no_header.sh", "#!/bin/sh\necho\n", "has no header"),
        ("no_import.py", "import nowhere_to_be_found\n", "nowhere_to_be_found"),
        ("no_syntax.py", "def (\n", "SyntaxError"),
        ("no_script.py", "x = 1\n", "declares no script"),
        ("leaves.py", "import sys\nsys.exit(3)\n", "exit code 3"),
        ("dies.py", "import os\nos.kill(os.getpid(), 9)\n", "exit code -9"),
        ("wrong.py", PYTHON.replace("(run)", "(run, x=1)"), "write parameters after a"),
        ("two.words.sh", "# /// cryobatch\n# category = 'Share'\n# ///\n", "no name for a script"),
    ],
)  # fmt: skip
def test_a_broken_file_is_reported_and_stops_nobody(
    folder: Path, name: str, text: str, why: str
) -> None:
    """The good one beside it is there, and the report says what is wrong with which file."""
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    write_executable(folder, "good.sh")
    found = find(folder)
    assert "good" in found.scripts
    assert list(problems(found)) == [name]
    assert why.replace("\\", "") in problems(found)[name]


def test_a_header_without_the_right_to_run_is_reported(folder: Path) -> None:
    """The way out is the command."""
    path = write_executable(folder, "tame.sh")
    path.chmod(0o644)
    found = find(folder)
    assert "tame" not in found.scripts
    assert f"chmod +x {path}" in problems(found)["tame.sh"]


def test_a_file_that_never_ends_is_given_up(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a time limit, and it is not waited for at every command."""
    monkeypatch.setattr(catalog, "DISCOVERY_TIMEOUT_S", 0.5)
    (folder / "endless.py").write_text("while True: pass\n")
    assert "took more than 0.5 s" in problems(find(folder, tmp_path / "cache"))["endless.py"]
    monkeypatch.setattr(catalog, "_ask_child", lambda _: pytest.fail("asked again"))
    assert "took more than" in problems(find(folder, tmp_path / "cache"))["endless.py"]


def test_what_is_known_is_not_asked_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as the file does not change; a new file asks for itself alone."""
    write_python(folder, "answer")
    cache = tmp_path / "cache"
    first = find(folder, cache)
    asked: list[str] = []
    ask = catalog._ask_child

    def ask_and_note(subject: str) -> dict[str, object]:
        asked.append(subject)
        return ask(subject)

    monkeypatch.setattr(catalog, "_ask_child", ask_and_note)
    assert find(folder, cache).scripts["answer"] == first.scripts["answer"]
    assert asked == []
    other = write_python(folder, "other")
    assert {"answer", "other"} <= set(find(folder, cache).scripts)
    assert asked == [str(other)]
    assert find(folder, cache).stamp != first.stamp


def test_a_failed_import_is_tried_again(folder: Path, tmp_path: Path) -> None:
    """A package that it needs may have been installed meanwhile."""
    text = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport needed_package\n" + PYTHON
    write_python(folder, "needy", text)
    cache = tmp_path / "cache"
    assert "needed_package" in problems(find(folder, cache))["needy.py"]
    (tmp_path / "needed_package.py").write_text("")
    assert "needy" in find(folder, cache).scripts


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "\x00"])
def test_a_broken_cache_is_made_anew(folder: Path, tmp_path: Path, content: str) -> None:
    """It is only a memory."""
    write_python(folder, "answer")
    cache = tmp_path / "cache"
    cache.write_text(content)
    assert "answer" in find(folder, cache).scripts
    assert json.loads(cache.read_text())


def test_the_same_name_twice_is_reported(folder: Path, tmp_path: Path) -> None:
    """A project's comes before a user's, and that before the package's own."""
    user = tmp_path / "user"
    user.mkdir()
    write_executable(user, "fit_ctf.sh")
    write_executable(folder, "fit_ctf")
    found = discover([("user", user), ("project", folder)])
    assert found.scripts["fit_ctf"].place == str(folder / "fit_ctf")
    texts = [problem.text for problem in found.problems]
    assert [text.split(":")[0] for text in texts] == [
        "fit_ctf (user) hides the one of package",
        "fit_ctf (project) hides the one of user",
    ]


def test_files_that_are_no_scripts_are_left_alone(folder: Path) -> None:
    """Notes, hidden files, editors' copies, helper modules and sub-folders."""
    for name in ("notes.txt", ".hidden.py", "copy.py~", "_helper.py"):
        (folder / name).write_text("x = 1\n")
    (folder / "sub").mkdir()
    found = find(folder)
    assert set(found.scripts) == set(discover([]).scripts)
    assert found.problems == ()


def test_a_file_that_cannot_be_read_is_reported(folder: Path) -> None:
    """A link to nowhere is skipped without harm to others."""
    (folder / "lost.sh").symlink_to(folder / "nowhere")
    write_executable(folder, "good.sh")
    assert "good" in find(folder).scripts


def test_installed_packages_bring_scripts_by_an_entry_point(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry point names a module; its functions are scripts; a broken one is reported."""
    write_python(tmp_path, "lab_package")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    points = [
        EntryPoint(name, value, catalog.ENTRY_POINT_GROUP)
        for name, value in [("one", "lab_package"), ("two", "lab_package"), ("bad", "nowhere_pkg")]
    ]
    monkeypatch.setattr(catalog, "entry_points", lambda group: EntryPoints(points))
    found = find(folder)
    script = found.scripts["lab_package"]
    assert (script.kind, script.place, script.origin) == ("module", "lab_package", "one")
    assert [problem.place for problem in found.problems] == ["nowhere_pkg (entry point bad)"]


def test_a_broken_entry_point_names_its_package(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sees it knows what to install again, or to take away."""
    about = tmp_path / "lab_tools-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-tools\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(f"[{catalog.ENTRY_POINT_GROUP}]\nbad = nowhere_pkg\n")
    monkeypatch.syspath_prepend(tmp_path)
    [problem] = find(folder).problems
    assert problem.place == "nowhere_pkg (entry point bad of the package lab-tools 1.2)"
    assert "No module named 'nowhere_pkg'" in problem.text
