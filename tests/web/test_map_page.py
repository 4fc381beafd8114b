"""The map shows images where they were recorded; session averages what they have in common."""

import struct
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import imagecodecs
import numpy as np
import pytest
from playwright.sync_api import Page
from starlette.testclient import TestClient

from cryobatch.errors import BadInput
from cryobatch.formats.mrc import write_image
from cryobatch.model.image import Fact, FactValue, ImageRecord
from cryobatch.model.overview import Overview, OverviewKind
from cryobatch.processing.image_folder import update_record
from cryobatch.project import Project
from cryobatch.project.averages import Stage
from cryobatch.project.averaging import average_all
from cryobatch.store import positions
from cryobatch.web.jpegs import read_size, redraw_jpeg
from tests.projects import add_images
from tests.web.browser import PHONE, Visitor, until
from tests.web.site import IMAGES, add_result

SQUARES = {"11": (0.0, 0.0), "12": (150.0, 40.0)}
PLACED = 20
"""Images with a place: ten in each square, the first eight of them with values."""
PICTURE_OF_13 = "/api/v1/images/13/pictures/micrograph"


def put(record: ImageRecord) -> ImageRecord:
    """Return a record with a place on the grid, in one of two squares."""
    number = record.image.id - 1
    square = "11" if number < PLACED // 2 else "12"
    x, y = SQUARES[square]
    facts: dict[str, FactValue] = {
        "grid_square": square, "foil_hole": str(number % 10), "stage_x": x + 2.5 * (number % 5),
        "stage_y": y + 2.5 * (number % 10 // 5), "pixel_size": 90.0,
    }  # fmt: skip
    known = {name: Fact(value, "EPU XML") for name, value in facts.items()}
    return replace(record, acquisition={**record.acquisition, **known})


def give(record: ImageRecord, name: str, value: FactValue) -> ImageRecord:
    """Return a record with a place and a fact of its own."""
    found = put(record)
    return replace(found, acquisition={**found.acquisition, name: Fact(value, "EPU XML")})


def enlarge(record: ImageRecord) -> ImageRecord:
    """Return a record of an image that shows a µm."""
    return replace(record, image=replace(record.image, rows=120, columns=120))


def say(record: ImageRecord) -> ImageRecord:
    """Return a record with a comment, which the library repeats."""
    return replace(record, person=replace(record.person, comment="found its XML"))


@pytest.fixture(autouse=True)
def places(project: Project, tmp_path: Path) -> None:
    """Give twenty images places in two squares, of one of which there is a picture."""
    for one in range(1, PLACED + 1):
        update_record(project.images.folder(one), put)
    project.images.index(range(1, IMAGES + 1))
    picture = tmp_path / "square.jpg"
    picture.write_bytes(imagecodecs.jpeg8_encode(np.full((60, 80), 90, np.uint8)))
    with project.database.transaction() as t:
        positions.put_overviews(t, [
            Overview(OverviewKind.SQUARE, "11", "/x.xml", str(picture), 4.0, 1.0, (0.1, 0.0),
                     (0.0, -0.1), 320, 240),
            Overview(OverviewKind.SQUARE, "12", "/y.xml", str(tmp_path / "gone.jpg"), 0.0, 0.0,
                     (0.1, 0.0), (0.0, -0.1), 320, 240),
        ])  # fmt: skip


def scale(page: Page) -> float:
    """Return how many pixels of the screen a µm has."""
    return float(page.locator(".map-view").get_attribute("data-scale") or 0.0)


def drawn(page: Page) -> bool:
    """Tell whether all images that have a place are on the map."""
    return page.locator(f".map-view[data-drawn='{PLACED}']").count() == 1


def test_the_map_is_told_with_places_and_no_paths(client: TestClient, tmp_path: Path) -> None:
    """Columns of images, squares, and pictures by id: nothing of this machine's folders."""
    answer = client.get("/api/v1/map")
    found = answer.json()
    assert found["images"]["id"] == list(range(1, PLACED + 1))
    assert found["images"]["x"][:2] == [0.0, 2.5]
    assert [one["name"] for one in found["squares"]] == ["11", "12"]
    assert (found["without"], found["unread"]) == (IMAGES - PLACED, 0)
    assert str(tmp_path) not in answer.text


def test_pictures_of_the_grid_are_drawn_anew(client: TestClient) -> None:
    """By id, in the size that is asked for; what is gone is told; a browser may keep them."""
    (one,) = (item["id"] for item in client.get("/api/v1/map").json()["overviews"])
    answer = client.get(f"/api/v1/map/overviews/{one}", params={"size": 30})
    assert answer.headers["content-type"] == "image/jpeg"
    assert np.asarray(imagecodecs.jpeg8_decode(answer.content)).shape == (60, 80)
    same = {"If-None-Match": answer.headers["etag"]}
    again = client.get(f"/api/v1/map/overviews/{one}", params={"size": 30}, headers=same)
    assert again.status_code == 304
    for gone in (one + 1, 999):
        assert client.get(f"/api/v1/map/overviews/{gone}").status_code == 404


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xd8", b"GIF89a", b"\xff\xd8\xff\xe0\x00", b"\xff\xd8" + b"\xff" * 50,
     b"\xff\xd8\xff\xc0\x00\x11\x08" + struct.pack(">HH", 65_500, 65_500) + b"\x00" * 20],
    ids=["empty", "start", "gif", "cut", "fill", "huge"],
)  # fmt: skip
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    """Before anything is unpacked: a header may claim four thousand million pixels."""
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.jpg"):
        redraw_jpeg(path, 256)


def test_the_size_of_a_jpeg_is_read_from_its_header() -> None:
    """Of grey and coloured ones, whatever stands before the frame."""
    for shape in ((30, 70), (33, 21, 3)):
        content = imagecodecs.jpeg8_encode(np.zeros(shape, np.uint8))
        assert read_size(bytes(content), "a.jpg") == shape[:2]


def is_kept(client: TestClient, path: str) -> bool:
    """Tell whether a picture that a browser has is not sent again."""
    has = {"If-None-Match": client.get(path).headers["etag"]}
    return bool(client.get(path, headers=has).status_code == 304)


def test_averages_are_made_when_somebody_asks(client: TestClient, project: Project) -> None:
    """Asking starts a process; its result is told and shown; before there is none."""
    before = client.get("/api/v1/averages/raw/mean")
    assert (before.status_code, "no averages" in before.json()["error"]) == (400, True)
    for one in range(1, 6):
        pixels = np.random.default_rng(one).normal(9.0, 1.0, (150, 160)).astype(np.float32)
        write_image(project.images.folder(one) / "recording.mrc", pixels, 1.0)
    until(lambda: client.get("/api/v1/averages").json()["stages"]["raw"]["images"] == 5,
          "five images in the averages")  # fmt: skip
    raw = client.get("/api/v1/averages").json()["stages"]["raw"]
    assert (raw["level"], raw["rows"], raw["columns"]) == ("good", 150, 160)
    for picture in ("mean", "variance", "spectrum"):
        answer = client.get(f"/api/v1/averages/raw/{picture}", params={"version": raw["version"]})
        assert answer.headers["content-type"] == "image/jpeg"
        until(partial(is_kept, client, f"/api/v1/averages/raw/{picture}"), f"the kept {picture}")


def test_squares_are_sorted_gone_to_and_chosen(visitor: Visitor) -> None:
    """The table has what is typical of each; a click goes there, shift chooses several."""
    with visitor.window("/map") as page:
        until(lambda: drawn(page), "the map")
        rows = page.locator(".squares tbody tr:not(.units)")
        assert rows.first.inner_text().split()[:3] == ["11", "10", "3.45"]
        page.get_by_role("button", name="Square").click()
        page.get_by_role("button", name="Square").click()
        assert rows.first.inner_text().startswith("12")
        whole = scale(page)
        rows.first.locator("button").click()
        until(lambda: scale(page) > 3 * whole, "the square to fill the map")
        rows.nth(1).locator("button").click(modifiers=["Shift"])
        assert "2 squares" in page.locator(".map-side .selection").inner_text()
        page.keyboard.press("f")
        until(lambda: scale(page) == pytest.approx(whole), "the whole grid")
        page.keyboard.press("Escape")
        assert page.locator(".map-side .selection").is_hidden()
        page.keyboard.press("j")
        assert rows.first.get_attribute("class") == "chosen"


def test_a_click_opens_an_image_of_its_square(visitor: Visitor) -> None:
    """The card tells of what is under the pointer; the image's page goes on in the square."""
    with visitor.window("/map") as page:
        until(lambda: drawn(page), "the map")
        page.locator(".squares .name", has_text="11").click()
        box = page.locator(".map-view").bounding_box()
        assert box is not None
        until(lambda: scale(page) > 10, "the square")
        # The square's ten images are five columns of two rows: the middle column is in the middle.
        x = box["x"] + box["width"] / 2
        y = box["y"] + box["height"] / 2 + 1.25 * scale(page)
        page.mouse.move(x, y)
        card = page.locator(".map-card")
        until(lambda: "image_3" in card.inner_text(), "the card")
        assert "3.3" in card.inner_text()
        page.mouse.click(x, y)
        page.wait_for_url("**/image?id=3")
        page.wait_for_selector("body[data-started]")
        page.keyboard.press("j")
        page.wait_for_url("**/image?id=4")


def test_the_map_changes_by_itself_and_keeps_what_colours(visitor: Visitor) -> None:
    """A new place, and what colours, are there without asking; also after a reload."""
    project = visitor.site.project
    with visitor.window("/map") as page:
        until(lambda: drawn(page), "the map")
        page.get_by_label("Colour by").select_option("flag")
        assert "amber" in page.locator(".map-legend").inner_text()
        update_record(project.images.folder(25), lambda record: say(put(record)))
        project.images.index([25])
        until(lambda: page.locator(f".map-view[data-drawn='{PLACED + 1}']").count(), "one more")
        page.reload()
        until(lambda: page.locator(".map-view[data-drawn]").count(), "the map again")
        assert page.get_by_label("Colour by").input_value() == "flag"


def test_a_chosen_square_stays_the_same_when_others_come(visitor: Visitor) -> None:
    """Its number among the squares changes: what is processed then is what was chosen."""
    project = visitor.site.project
    with visitor.window("/map") as page:
        until(lambda: drawn(page), "the map")
        page.locator(".squares .name", has_text="12").click()
        update_record(project.images.folder(1), lambda record: give(record, "grid_square", "10"))
        (fresh,) = add_images(project, 1)
        update_record(
            project.images.folder(fresh), lambda record: give(record, "grid_square", "10")
        )
        project.images.index([1, fresh])
        page.locator(".squares .name", has_text="10").wait_for()
        assert page.locator(".squares tr.chosen").inner_text().startswith("12")


def test_a_picture_that_comes_later_is_shown(visitor: Visitor) -> None:
    """An image that was looked at before it was processed gets its micrograph by itself."""
    project = visitor.site.project
    for one in range(11, 21):
        update_record(project.images.folder(one), enlarge)
    project.images.index(range(11, 21))
    with visitor.window("/map") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(urlsplit(request.url).path))
        until(lambda: drawn(page), "the map")
        page.locator(".squares .name", has_text="12").click()
        until(lambda: scale(page) > 10, "the square")
        add_result(project, 13)
        project.images.index([13])
        until(lambda: page.evaluate("1") and PICTURE_OF_13 in asked, "its picture")


def test_the_map_is_usable_on_a_phone(visitor: Visitor) -> None:
    """Nothing sticks out; averages that are there are shown with their sentence."""
    project = visitor.site.project
    for one in range(1, 6):
        pixels = np.random.default_rng(one).normal(9.0, 1.0, (150, 160)).astype(np.float32)
        write_image(project.images.folder(one) / "recording.mrc", pixels, 1.0)
    average_all(project, [Stage.RAW])
    with visitor.window("/map", size=PHONE) as page:
        until(lambda: drawn(page), "the map")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        until(lambda: page.locator(".averages img").count() == 3, "the pictures")
        assert "corrected already" in page.locator(".averages").inner_text()


def test_a_map_without_places_says_what_to_do(visitor: Visitor) -> None:
    """Nobody is left before an empty canvas."""
    project = visitor.site.project
    for one in range(1, PLACED + 1):
        folder = project.images.folder(one)
        update_record(folder, lambda record: replace(record, acquisition={}))
    project.images.index(range(1, PLACED + 1))
    with visitor.window("/map") as page:
        assert "EPU's XML or SerialEM's mdoc" in page.locator(".map-view").inner_text()
