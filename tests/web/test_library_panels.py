"""A person filters by ranges, names selections, moves and exports in the Library."""

import csv
import io
import re
from functools import partial
from urllib.parse import parse_qs

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from starlette.testclient import TestClient

from cryobatch.project import Project, Selection
from tests.export.exported import add_results
from tests.web.browser import PHONE, WIDE, Visitor, until
from tests.web.site import IMAGES
from tests.web.test_library_page import shown, tick

CHART = ".histogram[data-name='{}']"


def drag(page: Page, name: str, start: float, end: float) -> None:
    """Drag over a part of a histogram."""
    box = page.locator(f"{CHART.format(name)} svg").bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], y, steps=3)
    page.mouse.up()


def where(page: Page) -> str:
    """Return the expression in the address.

    It is asked of the page itself: Playwright learns of a changed address only while it is called.
    """
    address: str = page.evaluate("location.search.slice(1)")
    return parse_qs(address).get("where", [""])[0]


def test_selections_moves_and_exports_by_rest(client: TestClient, project: Project) -> None:
    """All that the page's panels do is there for programs, and says what went wrong."""
    assert client.get("/api/v1/selections").json() == {"selections": []}
    saved = {"name": "good", "where": "ctf_resolution < 3.25"}
    assert client.post("/api/v1/selections", json=saved).status_code == 200
    assert client.post("/api/v1/selections", json=saved).status_code == 409
    client.post("/api/v1/selections/rename", json={"name": "good", "new": "best"})
    (one,) = client.get("/api/v1/selections").json()["selections"]
    assert (one["name"], one["where"], one["images"]) == ("best", "ctf_resolution < 3.25", None)
    assert client.post("/api/v1/selections/remove", json={"name": "x"}).status_code == 400

    group = next(iter(client.get("/api/v1/groups").json()["groups"]))
    told = client.post("/api/v1/groups/compare", json={"images": [1], "group": "new"}).json()
    assert told == {"differences": []}
    moved = client.post("/api/v1/groups/move", json={"images": [1], "group": "new"}).json()
    assert (moved["moved"], moved["refused"]) == ({group: [1]}, {})
    assert (
        client.post("/api/v1/groups/move", json={"images": [1], "group": "../x"}).status_code == 400
    )

    given = {"name": "t", "kind": "table", "where": "id < 3", "columns": ["name", "id"]}
    assert client.post("/api/v1/exports", json=given).json()["images"] == 2
    rows = list(csv.reader(io.StringIO(client.get("/api/v1/exports/t/table").text)))
    assert rows == [["name", "id"], ["image_1", "1"], ["image_2", "2"]]
    assert client.post("/api/v1/exports", json=given).status_code == 409
    assert client.get("/api/v1/exports").json()["exports"][0]["name"] == "t"
    assert client.get("/api/v1/exports/other/table").status_code == 404
    for wrong in ("../t", "/tmp/t", ".t"):
        assert client.post("/api/v1/exports", json={**given, "name": wrong}).status_code == 400
    add_results(project, 2)
    done = client.post("/api/v1/exports", json={"name": "r", "kind": "relion", "images": [1, 2]})
    assert (done.json()["images"], done.json()["left_out_count"]) == (1, 1)


def test_ranges_are_dragged_typed_and_kept(visitor: Visitor) -> None:
    """Each range is words in the filter: sent to somebody it means the same; a click ends it."""
    with visitor.window("/library") as page:
        until(lambda: shown(page) == IMAGES, "all images")
        page.keyboard.press("h")
        page.wait_for_selector(CHART.format("ctf_resolution"))
        drag(page, "ctf_resolution", 0.0, 0.5)
        until(lambda: shown(page) == 4, "the images that pass")
        assert re.fullmatch(r"ctf_resolution <= 3\.4\d*", where(page))
        page.get_by_label("CTF resolution from").fill("3.15")
        page.get_by_label("CTF resolution from").press("Enter")
        until(lambda: shown(page) == 3, "the narrower range")
        page.reload()
        page.wait_for_selector("body[data-started]")
        assert shown(page) == 3
        page.keyboard.press("h")
        assert page.get_by_label("CTF resolution from").input_value() == "3.15"
        page.fill(".filter", 'flag == "red" or id < 9')
        until(lambda: shown(page) == 8, "another filter")
        drag(page, "ctf_resolution", 0.5, 1.0)
        assert where(page).startswith('(flag == "red" or id < 9) and ctf_resolution >= 3.')
        until(lambda: shown(page) == 4, "the upper half")
        drag(page, "ctf_resolution", 0.5, 0.5)
        until(lambda: shown(page) == 8, "no range")


def test_a_filter_holds_whatever_came_before_it(visitor: Visitor) -> None:
    """A refused one, one of the trash, one that is refused there: each is gone with the next."""
    visitor.site.project.images.trash(Selection(images=(20, 21)), True)
    steps = {
        "id < 9": 8, "id <": 8, "trashed": 2, "trashed and id <": 2, "id < 5": 4,
        "colour == 1": 4, "trashed and id < 21": 1, "": IMAGES - 2,
    }  # fmt: skip
    refused = {"id <", "trashed and id <", "colour == 1"}
    with visitor.window("/library") as page:
        for text, number in steps.items():
            page.fill(".filter", text)
            until(partial(is_written, page, text), f"{text!r} in the address")
            until(partial(is_refused, page, text in refused), f"what is said of {text!r}")
            until(partial(is_shown, page, number), f"the images for {text!r}")
    # A browser notes the server's refusals on its console.
    visitor.faults[:] = [one for one in visitor.faults if "/library/" not in one]


def is_written(page: Page, text: str) -> bool:
    """Tell whether the address has a filter."""
    return where(page) == text


def is_refused(page: Page, refused: bool) -> bool:
    """Tell whether the page says what is wrong with a filter, if anything is."""
    said = page.locator(".filter-error").is_visible()
    return said == (page.locator(".filter[aria-invalid]").count() == 1) == refused


def is_shown(page: Page, number: int) -> bool:
    """Tell whether the table has so many images."""
    return shown(page) == number


def test_a_range_takes_no_other_words_of_the_filter(visitor: Visitor) -> None:
    """What a person has typed stays, whatever stands in front of it."""
    cases = {
        "": "a >= 2",
        "b < 3": "b < 3 and a >= 2",
        "1 <= a <= 4 and b >= 2": "a >= 2 and b >= 2",
        "b < 3 or a <= 4": "(b < 3 or a <= 4) and a >= 2",
        "(b < 3 or c > 1) and 1e-3 <= a <= 4": "(b < 3 or c > 1) and a >= 2",
        'comment == "x or y" and a <= 4': 'comment == "x or y" and a >= 2',
        "a * 2 <= 4": "a * 2 <= 4 and a >= 2",
    }
    with visitor.window("/library") as page:
        found = page.evaluate(
            """async (texts) => {
                const { withRange } = await import("/components/library-ranges.js");
                return texts.map((text) => withRange(text, "a", 2, null));
            }""",
            list(cases),
        )
    assert dict(zip(cases, found, strict=True)) == cases


def test_two_people_see_the_same_selections(visitor: Visitor) -> None:
    """What one saves appears at the other, who applies it; forgetting can be undone."""
    with visitor.window("/library") as page, visitor.window("/library") as other:
        other.keyboard.press("s")
        tick(page, 1, 3)
        page.keyboard.press("s")
        page.get_by_label("Name", exact=True).fill("pair")
        page.get_by_role("button", name="Save", exact=True).click()
        other.locator(".saved .apply", has_text="pair").click()
        until(lambda: "2 selected" in other.locator(".selection").inner_text(), "the pair")
        page.fill(".filter", "ctf_resolution < 3.35")
        until(lambda: shown(page) == 3, "the images that pass")
        page.get_by_label("What is kept").select_option("filter")
        page.get_by_label("Name", exact=True).fill("good")
        page.get_by_role("button", name="Save", exact=True).click()
        other.locator(".saved .apply", has_text="good").click()
        until(lambda: shown(other) == 3, "the filter")
        other.get_by_label("Rename good").click()
        other.get_by_label("New name of good").fill("better")
        other.keyboard.press("Enter")
        page.locator(".saved .apply", has_text="better").wait_for()
        page.get_by_label("Forget better").click()
        until(lambda: other.locator(".saved .apply").count() == 1, "one to be gone")
        page.get_by_role("button", name="Undo").click()
        until(lambda: other.locator(".saved .apply").count() == 2, "it to be back")


def test_images_move_to_a_group_and_back(visitor: Visitor) -> None:
    """What will hold otherwise is said before; the move can be undone."""
    project = visitor.site.project
    (project.place.images / "other").mkdir()
    (project.place.images / "other" / "group.toml").write_text("[parameters.weigh]\nfactor = 3.0\n")
    with visitor.window("/library") as page:
        tick(page, 0, 1)
        page.keyboard.press("m")
        page.get_by_label("Group", exact=True).fill("other")
        page.locator(".told", has_text="weigh.factor").wait_for()
        assert "not set → 3" in page.locator(".told").inner_text()
        page.get_by_role("button", name="Move 2 images").click()
        until(lambda: len(project.images.rows("group == 'other'")) == 2, "the move")
        page.get_by_role("button", name="Undo").click()
        until(lambda: not project.images.rows("group == 'other'"), "the way back")
        until(lambda: page.locator("img.tiny").count() == 8, "all pictures")
    # A picture that is asked for while its image moves is asked for again when it has moved.
    visitor.faults[:] = [one for one in visitor.faults if "/pictures/" not in one]


def test_a_selection_is_exported(visitor: Visitor) -> None:
    """For RELION into the project; a table can be taken away; what is left out is said."""
    project = visitor.site.project
    add_results(project, 1)
    with visitor.window("/library") as page:
        tick(page, 0, 1)
        page.keyboard.press("e")
        page.get_by_label("Name", exact=True).fill("mine")
        page.get_by_role("button", name="Export 2 images").click()
        page.locator(".told", has_text="exports/mine").wait_for()
        assert "1 image left out" in page.locator(".told").inner_text()
        assert (project.place.folder / "exports/mine/micrographs_ctf.star").is_file()
        page.get_by_role("button", name="Export 2 images").click()
        page.locator(".told [role=alert]", has_text="earlier export").wait_for()
        assert "/exports" in visitor.faults.pop()  # the browser notes the refusal
        page.get_by_label("Table", exact=True).check()
        page.get_by_label("Name", exact=True).fill("values")
        page.get_by_label("all that the table shows").check()
        page.get_by_role("button", name=f"Export {IMAGES} images").click()
        with page.expect_download() as download:
            page.get_by_text("Download values.csv").click()
        rows = list(csv.DictReader(download.value.path().open()))
        assert len(rows) == IMAGES
        assert rows[0]["ctf_resolution"] == "3.9"
    project.images.trash(Selection(images=(1,)), False)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_panels_can_be_used_by_everybody(
    visitor: Visitor, size: tuple[int, int], theme: str
) -> None:
    """No serious finding of axe and nothing that sticks out, in both themes, wide and narrow."""
    with visitor.window("/library", size=size) as page:
        page.evaluate("theme => localStorage.setItem('cryobatch-theme', theme)", theme)
        for key, part in (("h", ".histogram"), ("s", ".saved li"), ("e", ".export")):
            visitor.open(page, "/library")
            page.keyboard.press(key)
            page.wait_for_selector(part)
            found = Axe().run(page).response["violations"]
            serious = [(one["id"], one["nodes"][0]["html"][:160]) for one in found
                       if one["impact"] in {"serious", "critical"}]  # fmt: skip
            assert serious == [], key
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0], key
