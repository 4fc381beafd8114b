"""Programs see and do by REST what the command line can."""

from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cryobatch.processing.image_folder import read_record, write_record
from cryobatch.project import Project
from tests.web.site import IMAGES, PICTURE


def order(client: TestClient) -> list[int]:
    """Return the ids of what waits."""
    return [row["id"] for row in client.get("/api/v1/queue").json()["rows"]]


def test_the_queue_is_brought_into_any_order(client: TestClient) -> None:
    """Top, bottom, up, down and a place; what does not wait is told."""
    first = order(client)
    assert len(first) == IMAGES
    moved = client.post("/api/v1/queue/top", json={"ids": [5, 7]}).json()
    assert moved == {"moved": [5, 7], "not_waiting": []}
    client.post("/api/v1/queue/bottom", json={"ids": [1]})
    client.post("/api/v1/queue/up", json={"ids": [3]})
    client.post("/api/v1/queue/down", json={"ids": [5]})
    client.post("/api/v1/queue/move", json={"ids": [10], "place": 2})
    assert order(client)[:5] == [7, 10, 5, 3, 2]
    assert order(client)[-1] == 1
    dropped = {"ids": [20, 21], "target": 2, "below": True}
    assert client.post("/api/v1/queue/beside", json=dropped).json()["moved"] == [20, 21]
    assert order(client)[3:8] == [3, 2, 20, 21, 4]
    client.post("/api/v1/queue/beside", json={"ids": [4, 30], "target": 7})
    assert order(client)[:3] == [4, 30, 7]
    gone = client.post("/api/v1/queue/beside", json={"ids": [4], "target": 999})
    assert (gone.status_code, "does not wait" in gone.json()["error"]) == (409, True)
    assert client.post("/api/v1/queue/up", json={"ids": [999]}).json()["not_waiting"] == [999]


def test_the_queue_is_paged_paused_cleared_and_filled(client: TestClient) -> None:
    """Removed batches can be queued again, and images are submitted by an expression."""
    page = client.get("/api/v1/queue", params={"offset": 4, "limit": 3}).json()
    assert [row["id"] for row in page["rows"]] == [5, 6, 7]
    assert page["total"] == IMAGES
    assert client.post("/api/v1/queue/pause", json={}).json() == {"paused": True}
    assert client.get("/api/v1/queue/counts").json()["paused"] is True
    client.post("/api/v1/queue/resume", json={})
    done = client.post("/api/v1/queue/remove", json={"ids": [2, 3, 999]}).json()
    assert done == {"cancelled": [2, 3], "asked": [], "not_there": [999]}
    again = client.post("/api/v1/queue/retry", json={"ids": [2, 3], "top": True}).json()
    assert order(client)[:2] == again["batches"]
    assert client.post("/api/v1/queue/clear", json={}).json()["cancelled"] == IMAGES
    body = {"where": "ctf_resolution < 3.25", "scripts": ["weigh"], "force": True,
            "parameters": {"weigh": {"factor": 2.5}}}  # fmt: skip
    report = client.post("/api/v1/queue", json=body).json()
    assert len(report["batches"]) == 2
    row = client.get("/api/v1/queue").json()["rows"][0]
    assert (row["scripts"], row["parameters"]) == (["weigh"], {"weigh": {"factor": 2.5}})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"all": True, "scripts": ["wiegh"]}, "known: weigh"),
        ({"all": True, "images": [1], "scripts": ["weigh"]}, "more than one way"),
        ({"where": "weight <", "scripts": ["weigh"]}, "is no filter"),
        ({"images": [999], "scripts": ["weigh"]}, "999"),
    ],
)
def test_mistakes_are_told_in_words(
    client: TestClient, body: dict[str, object], words: str
) -> None:
    """What is wrong and what there is instead, as on the command line."""
    answer = client.post("/api/v1/queue", json=body)
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_a_script_that_was_added_meanwhile_can_be_chosen(
    client: TestClient, project: Project
) -> None:
    """Settings and scripts are as they are in their files now."""
    weigh = project.place.scripts / "weigh.sh"
    other = weigh.with_name("measure_again.sh")
    other.write_text(weigh.read_text().replace("values.weight", "values.second_weight")
                     .replace("value weight", "value second_weight"))  # fmt: skip
    other.chmod(0o755)
    answer = client.post("/api/v1/queue", json={"images": [1], "scripts": ["measure_again"]})
    assert answer.status_code == 200, answer.text


def test_the_library_comes_as_columns(client: TestClient) -> None:
    """Sorted and filtered by the server; columns that are empty everywhere stay away."""
    answer = client.get("/api/v1/library", params={"sort": "ctf_resolution", "descending": True})
    columns = answer.json()["columns"]
    assert answer.headers["Content-Encoding"] == "gzip"
    assert columns["id"][:2] == [8, 7]
    assert "weight" not in columns
    some = client.get("/api/v1/library", params={
        "where": "ctf_resolution < 3.25", "columns": ["ctf_resolution", "comment"], "limit": 1,
    }).json()  # fmt: skip
    assert some["columns"] == {
        "id": [1], "name": ["image_1"], "group": ["square"], "state": ["waiting"], "flag": [None],
        "stale": [["weigh"]], "ctf_resolution": [3.1], "comment": [""],
    }  # fmt: skip
    fields = client.get("/api/v1/library/fields").json()
    assert fields["values"]["weight"]["unit"] == "bytes"


def test_an_image_tells_all(client: TestClient) -> None:
    """Values, runs and facts with where they came from."""
    image = client.get("/api/v1/images/2").json()
    assert image["values"]["ctf_resolution"] == 3.2
    assert image["acquisition"]["pixel_size"] == {"value": 1.5, "source": "header"}
    assert client.get("/api/v1/images/999").status_code == 400


def test_pictures_are_sent_once_a_version(client: TestClient) -> None:
    """A browser that has the picture asks whether it is still the same."""
    answer = client.get(f"/api/v1/images/1/thumbnails/{PICTURE}")
    assert answer.headers["Content-Type"] == "image/jpeg"
    mark = {"If-None-Match": answer.headers["ETag"]}
    again = client.get(f"/api/v1/images/1/thumbnails/{PICTURE}", headers=mark)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "file",
    ["../../../../project.toml", "image.toml", "thumbnails/link.jpg", "/etc/passwd",
     "thumbnails/none.jpg", "thumbnails/note.txt"],
)  # fmt: skip
def test_no_other_file_ever_leaves(client: TestClient, project: Project, file: str) -> None:
    """Even a record that names another file, or a link that leads away, sends nothing."""
    folder = project.images.folder(1)
    (folder / "thumbnails" / "note.txt").write_text("text")
    (folder / "thumbnails" / "link.jpg").symlink_to(Path("/etc/passwd"))
    record = read_record(folder)
    run = replace(record.runs["weigh"], products={PICTURE: file})
    write_record(folder, replace(record, runs={"weigh": run}))
    assert client.get(f"/api/v1/images/1/thumbnails/{PICTURE}").status_code in {404, 400}
    for name in ("..%2f..%2fimage.toml", "%2e%2e%2f1", "image.toml", "micrograph.jpg"):
        assert client.get(f"/api/v1/images/1/thumbnails/{name}").status_code in {404, 400}


def test_the_log_is_sorted_filtered_and_paged(client: TestClient) -> None:
    """By key and by place; a text is looked for in lower and upper case."""
    first = client.get("/api/v1/log", params={"limit": 50}).json()
    assert first["rows"][0]["text"] == "<b>row</b> 599"
    keyed = client.get("/api/v1/log", params={"limit": 50, "after": first["next"]}).json()
    placed = client.get("/api/v1/log", params={"limit": 50, "offset": 50}).json()
    assert keyed["rows"] == placed["rows"]
    errors = client.get("/api/v1/log", params={"level": "error", "text": "thon"}).json()["rows"]
    assert len(errors) == 6
    assert client.get("/api/v1/log/count", params={"level": "error"}).json()["count"] == 6
    by_script = client.get("/api/v1/log", params={"sort": "script", "limit": 3}).json()
    after = client.get("/api/v1/log", params={"sort": "script", "after": by_script["next"]})
    assert after.status_code == 200
    assert client.get("/api/v1/log", params={"after": "nonsense"}).status_code == 400


def test_the_session_says_how_it_goes(client: TestClient) -> None:
    """Counts, rates and words; values of the latest images with their units."""
    session = client.get("/api/v1/session").json()
    assert session["images"]["imported"] == IMAGES
    assert session["batches"]["waiting"] == IMAGES
    assert session["backlog"][-1] == IMAGES
    assert any("nothing is worked on" in one["text"] for one in session["notices"])
    series = client.get("/api/v1/session/series").json()["columns"]
    assert len(series["id"]) == IMAGES
    assert series["ctf_resolution"].count(None) == IMAGES - 8


def test_processors_are_wished_for(client: TestClient, project: Project) -> None:
    """The daemon reads the wish; a name that is no processor is told."""
    assert client.put("/api/v1/processors/number", json={"number": 3}).json() == {"wanted": 3}
    assert project.workforce.read_wishes().processors == 3
    assert client.put("/api/v1/processors/number", json={"number": 0}).status_code == 422
    answer = client.post("/api/v1/processors/kill", json={"ids": ["local-9"]}).json()
    assert answer == {"ended": [], "unknown": ["local-9"]}
