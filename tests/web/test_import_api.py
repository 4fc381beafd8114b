"""Watched folders, folders before they are watched, facts and gain, asked by a program."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from cryobatch.project import Project, Selection
from cryobatch.project.guards import LASTING, LASTING_WORDS
from cryobatch.project.scrutiny import DISAGREEMENTS
from cryobatch.project.watching import Orders
from cryobatch.store import watching as store
from cryobatch.store.settings import put_setting
from cryobatch.store.watching import FileRow, FileState
from cryobatch.web.auth import Access
from tests.recording_files import write_mrc, write_tiff

API = "/api/v1"
NEEDY = ["unpack", "correct_drift", "fit_ctf"]
EPU = "FoilHole_9015883_Data_9017347_6_20250108_1549{number:02}_fractions.tiff"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with movies of EPU's, and with names that want to be something else."""
    data = tmp_path / "session" / "GridSquare_7" / "Data"
    data.mkdir(parents=True)
    for number in range(3):
        write_tiff(data / EPU.format(number=number), np.ones((2, 16, 16), np.uint8))
    write_mrc(data.parent.parent / "G1_S2_<b>3.mrc", np.ones((1, 16, 16), np.int16), 1.5)
    return tmp_path / "session"


def post(client: TestClient, path: str, **body: object) -> dict[str, Any]:
    """Order something that is done (Any: JSON's own variety)."""
    answer = client.post(f"{API}{path}", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def rows(client: TestClient) -> list[dict[str, Any]]:
    """Return the watched folders (Any: JSON's own variety)."""
    found: list[dict[str, Any]] = client.get(f"{API}/watches").json()["rows"]
    return found


def test_a_folder_is_watched_stopped_and_forgotten(client: TestClient, folder: Path) -> None:
    """All orders come back as they were given, so that a form can show and an undo give them."""
    given = {
        "folder": str(folder), "include": ["*.tiff"], "ignore": ["old"], "pattern": "{grid}_*",
        "take": "copy", "rate_mb_s": 50.0, "scripts": ["unpack"], "place": "first_now",
        "facts": {"pixel_size": "1.05", "voltage": 300}, "patience_s": 12.0,
    }  # fmt: skip
    number = post(client, "/watches", **given)["id"]
    (row,) = rows(client)
    assert row["orders"] == {
        **given, "facts": {"pixel_size": 1.05, "voltage": 300.0}, "submit": True, "workflow": None,
        "parameters": {}, "active": True,
    }  # fmt: skip
    assert row["state"] == "no daemon"
    post(client, f"/watches/{number}/stop")
    post(client, f"/watches/{number}/scan")
    assert client.delete(f"{API}/watches/{number}").json() == {"id": number}
    assert client.post(f"{API}/watches/{number}/start", json={}).status_code == 400


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"folder": "data"}, "whole path"),
        ({"pattern": "{nothing}"}, "name pattern"),
        ({"workflow": "nothing"}, "workflow"),
        ({"facts": {"pixel_size": "wide"}}, "pixel_size"),
        ({"facts": {"gain": "/nowhere.mrc"}}, "nowhere"),
    ],
)
def test_orders_that_mean_nothing_are_refused(
    client: TestClient, project: Project, folder: Path, wrong: dict[str, object], word: str
) -> None:
    """The text says what is wrong, and nothing is watched."""
    answer = client.post(f"{API}/watches", json={"folder": str(folder), **wrong})
    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert project.watching.listing() == []


def test_a_listing_says_what_became_of_files(
    client: TestClient, project: Project, folder: Path
) -> None:
    """Counts, the reason of what is incomplete, and files of one state when asked for."""
    watched = project.watching.add(folder, Orders())
    looks = (5_000, 1, 1)
    with project.database.transaction() as t:
        store.put_files(t, watched.id, [
            FileRow("a.tiff", looks, FileState.INCOMPLETE, 1.0, "the last strip is missing"),
            FileRow("b\udcff.tiff", looks, FileState.FAILED, 2.0, "no TIFF"),
            FileRow("c.tiff", looks, FileState.IMPORTED, 3.0, image_id=1),
        ])  # fmt: skip
    (row,) = rows(client)
    assert (row["found"], row["imported"], row["incomplete"], row["failed"]) == (3, 1, 1, 1)
    reasons = [(one["path"], one["reason"]) for one in row["files"]]
    assert reasons == [("a.tiff", "the last strip is missing"), ("b\\udcff.tiff", "no TIFF")]
    found = client.get(f"{API}/watches/{watched.id}/files?state=imported").json()["rows"]
    assert [(one["path"], one["image_id"]) for one in found] == [("c.tiff", 1)]


def test_a_folder_is_looked_at_before_it_is_watched(client: TestClient, folder: Path) -> None:
    """How many recordings, whose layout, which facts from where, and what is still asked for."""
    post(client, "/watches", folder=str(folder / "GridSquare_7"))
    found = post(client, "/watches/look", folder=f"{folder}/", include=["*_fractions.tiff"])
    assert (found["state"], found["recordings"], found["unwanted"]) == ("there", 3, 1)
    assert found["kinds"] == {"tiff": 3}
    assert found["layouts"][0]["program"] == "EPU"
    sample = found["sample"]
    assert (sample["kind"], sample["group"], sample["frames"]) == ("movie", "GridSquare_7", 2)
    facts = {one["name"]: (one["value"], one["source"]) for one in sample["facts"]}
    assert facts["grid_square"] == ("7", "file name")
    assert facts["frames"] == (2, "TIFF header")
    assert found["watched"] is None
    given = post(client, "/watches/look", folder=str(folder), facts={"voltage": 200})
    assert {"name": "voltage", "value": 200.0, "unit": "kV", "source": "option --voltage",
            "from": "option --voltage"} in given["sample"]["facts"]  # fmt: skip


def test_what_scripts_would_ask_for_is_named(client: TestClient, tmp_path: Path) -> None:
    """A recording without a pixel size, and scripts that need one."""
    bare = tmp_path / "bare"
    bare.mkdir()
    write_tiff(bare / "one.tiff", np.ones((3, 16, 16), np.uint8))
    found = post(client, "/watches/look", folder=str(bare), scripts=NEEDY)
    assert "pixel_size" in [one["name"] for one in found["sample"]["missing"]]
    assert post(client, "/watches/look", folder=str(bare), submit=False)["sample"]["missing"] == []


@pytest.mark.parametrize("name", ["", "bare", "\0", "/" + "x" * 300, "/etc/passwd", "/proc/1/root"])
def test_odd_folders_are_answered_in_words(client: TestClient, name: str) -> None:
    """What is no folder, or none that may be read, is told and never an accident of ours."""
    answer = client.post(f"{API}/watches/look", json={"folder": name})
    assert answer.status_code == 200
    assert answer.json()["state"] != "there"
    assert answer.json()["words"]


def test_a_path_is_completed_while_it_is_typed(client: TestClient, folder: Path) -> None:
    """The folders that begin like it; hidden ones and files are not told."""
    (folder.parent / ".session-hidden").mkdir()
    (folder.parent / "session.txt").write_text("secret")
    found = post(client, "/watches/look", folder=str(folder.parent / "sess"))
    assert (found["state"], found["completions"]) == ("absent", [str(folder)])


def test_a_name_pattern_is_tried_on_real_names(client: TestClient, folder: Path) -> None:
    """Each name is cut up into its named parts; what does not fit stays whole."""
    found = post(client, "/watches/names", folder=str(folder), pattern="{grid}_{square}_*")
    pieces = [one["pieces"] for one in found["names"]]
    cut = [["G1", "grid"], ["_", None], ["S2", "grid_square"], ["_<b>3", None]]
    assert cut in pieces
    assert (found["fitting"], found["count"]) == (4, 4)
    none = post(client, "/watches/names", folder=str(folder), pattern="{tilt}deg")
    assert (none["fitting"], none["count"]) == (0, 4)
    refused = post(client, "/watches/names", folder=str(folder), pattern="{x}")
    assert "no part of a name pattern" in refused["problem"]


def test_a_guest_sees_watched_folders_and_no_others(
    stranger: TestClient, access: Access, folder: Path
) -> None:
    """Looking into folders of the machine needs the token that may change things."""
    stranger.headers["Authorization"] = f"Bearer {access.guest}"
    assert stranger.get(f"{API}/watches").status_code == 200
    for path in ("look", "names", ""):
        answer = stranger.post(f"{API}/watches/{path}", json={"folder": str(folder)})
        assert answer.status_code == 403


def test_facts_come_with_their_sources(client: TestClient) -> None:
    """Over the latest images: values, how many have them, and where they come from."""
    found = client.get(f"{API}/acquisition").json()
    (pixel,) = [one for one in found["facts"] if one["name"] == "pixel_size"]
    assert (pixel["values"], pixel["unit"], pixel["sources"]) == ([1.5], "Å", {"header": 30})
    assert found["alarms"] == found["disagreements"] == found["doubts"] == []


def test_what_is_wrong_with_the_session_is_told(client: TestClient, project: Project) -> None:
    """Sources that disagree, alarms with their suspects while they last, doubts on images."""
    with project.database.transaction() as t:
        put_setting(t, DISAGREEMENTS, {"k": {"first": "a.mrc", "text": "pixel_size is 1 and 2"}})
        put_setting(t, LASTING, ["dose more"])
        put_setting(t, LASTING_WORDS, {"dose more": "suspects: the dose", "old": "no more"})
    project.correct_facts(Selection(images=(30,)), {"doubts": "frames of another camera"})
    found = client.get(f"{API}/acquisition").json()
    assert found["disagreements"] == [{"first": "a.mrc", "text": "pixel_size is 1 and 2"}]
    assert found["alarms"] == ["suspects: the dose"]
    assert found["doubts"] == [{"text": "frames of another camera", "images": 1}]


def test_a_gain_that_nobody_has_is_told(client: TestClient) -> None:
    """No movie: no orientation is weighed, and there is no picture."""
    found = client.get(f"{API}/acquisition/gain").json()
    assert found["verdict"] is None
    assert not any(one["has_picture"] for one in found["orientations"])
    assert client.get(f"{API}/acquisition/gain/pictures/raw").status_code == 404
