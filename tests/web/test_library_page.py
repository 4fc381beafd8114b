"""A person finds, selects, judges and processes images in the Library."""

import re
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from starlette.testclient import TestClient

from cryobatch.processing.image_folder import read_record, write_record
from cryobatch.project import Project, Selection
from cryobatch.project.correction import comment_image
from tests.web.browser import PHONE, WIDE, Visitor, until
from tests.web.site import IMAGES, add_result

HEADER = ".ag-header-cell[col-id='{}']"


def shown(page: Page) -> int:
    """Return how many images the table says that it shows."""
    text = page.locator("main .bar strong").first.inner_text()
    return int(re.sub(r"\D", "", text.partition(" of ")[0]) or 0)


def tick(page: Page, *rows: int) -> None:
    """Select rows by their boxes."""
    for row in rows:
        page.locator(f".ag-row[row-index='{row}'] input[type=checkbox]").check()


def flags(project: Project) -> dict[object, object]:
    """Return the flag of every image that has one."""
    return {row["id"]: row["flag"] for row in project.images.rows() if row["flag"]}


def test_the_table_says_what_the_rows_say(client: TestClient) -> None:
    """The columns that a page holds are those that programs get row by row."""
    table = client.get("/api/v1/library/table").json()["columns"]
    rows = client.get("/api/v1/library").json()["columns"]
    assert {name: table[name] for name in rows} == rows
    assert table["root_product"] == ["micrograph"] * IMAGES
    one = client.get("/api/v1/library/table", params={"where": "id in (3,)"}).json()["columns"]
    assert (one["id"], one["ctf_resolution"]) == ([3], [3.3])
    found = client.get("/api/v1/library/ids", params={"where": "ctf_resolution < 3.25"}).json()
    assert found == {"ids": [1, 2]}
    assert client.get("/api/v1/library/ids", params={"where": "nonsense <"}).status_code == 400


def test_what_a_person_says_is_written(client: TestClient, project: Project) -> None:
    """Flag, comment, trash and parameters of one's own, into the parameter files."""
    client.post("/api/v1/images/flag", json={"images": [1, 2], "flag": "red"})
    client.post("/api/v1/images/comment", json={"where": "flag == 'red'", "comment": "ice"})
    client.post("/api/v1/images/trash", json={"images": [2]})
    given = {"images": [1], "parameters": {"weigh": {"factor": 3}}}
    assert client.post("/api/v1/images/parameters", json=given).json() == {"changed": [1]}
    record = project.images.record(1)
    assert (record.person.flag, record.person.comment) == ("red", "ice")
    assert record.parameters == {"weigh": {"factor": 3.0}}
    assert project.images.record(2).person.trashed
    given["parameters"] = {"weigh": {"factor": None}}
    client.post("/api/v1/images/parameters", json=given)
    assert project.images.record(1).parameters == {}
    for wrong in ({"weigh": {"factor": 99}}, {"weigh": {"facto": 1}}, {"wiegh": {"factor": 1}}):
        answer = client.post("/api/v1/images/parameters", json={"images": [1], "parameters": wrong})
        assert answer.status_code == 400, answer.text
    assert client.post("/api/v1/images/flag", json={"flag": "red"}).status_code == 400


def test_the_order_of_scripts_is_told_before_anything_is_queued(client: TestClient) -> None:
    """What comes along is named, and what cannot be done says why."""
    listed = client.get("/api/v1/scripts").json()
    weigh = next(one for one in listed["scripts"] if one["name"] == "weigh")
    assert weigh["parameters"]["factor"]["unit"] == "g"
    assert listed["categories"][0] == "Prepare Stack"
    wanted = {"scripts": ["fit_ctf", "correct_drift"], "root": "movie"}
    plan = client.post("/api/v1/scripts/plan", json=wanted).json()
    assert plan["order"][-2:] == ["correct_drift", "fit_ctf"]
    wrong = client.post("/api/v1/scripts/plan", json={"scripts": ["wiegh"]})
    assert (wrong.status_code, "weigh" in wrong.json()["error"]) == (400, True)


def test_images_are_filtered_selected_and_flagged_by_keys(visitor: Visitor) -> None:
    """An expression hides what is selected, which is told; a flag by its key can be undone."""
    project = visitor.site.project
    with visitor.window("/library") as page:
        until(lambda: shown(page) == IMAGES, "all images")
        tick(page, 0, 9)
        page.fill(".filter", "ctf_resolution < 3.35")
        until(lambda: shown(page) == 3, "the images that pass")
        until(lambda: "1 of them hidden" in page.locator(".selection").inner_text(), "the hidden")
        page.fill(".filter", "ctf_resolution <")
        page.wait_for_selector(".filter-error:not([hidden])")
        assert "is no filter" in page.locator(".filter-error").inner_text()
        # A browser notes the server's refusal on its console.
        assert "/library/ids" in visitor.faults.pop()
        page.fill(".filter", "ctf_resolution < 3.35")
        until(lambda: "3.35" in page.evaluate("location.search"), "the filter in the address")
        page.wait_for_selector(".filter-error", state="hidden")
        page.locator(".filter").blur()
        page.keyboard.press("Escape")
        page.keyboard.press("A")
        until(lambda: "3 selected" in page.locator(".selection").inner_text(), "all that pass")
        page.keyboard.press("3")
        until(lambda: flags(project) == {1: "red", 2: "red", 3: "red"}, "the flags")
        until(lambda: page.locator(".flag.red").count() == 3, "the flags on the page")
        page.get_by_role("button", name="Undo").click()
        until(lambda: not flags(project), "no flags")
        page.reload()
        page.wait_for_selector("body[data-started]")
        assert shown(page) == 3
        assert "3 selected" in page.locator(".selection").inner_text()


def test_images_are_processed_from_the_library(visitor: Visitor) -> None:
    """Scripts are chosen and given parameters where the images are; what is queued is told."""
    project = visitor.site.project
    project.queue.clear()
    with visitor.window("/library") as page:
        until(lambda: shown(page) == IMAGES, "all images")
        tick(page, 2, 4)
        page.keyboard.press("p")
        for box in page.locator(".scripts input:checked").all():
            box.uncheck()
        page.locator(".scripts label", has_text="weigh").locator("input").check()
        page.locator(".plan li", has_text="Weigh").wait_for()
        page.locator(".parameters summary").click()
        page.get_by_label("weigh.factor").fill("99")
        page.get_by_role("button", name="Queue 2 images").click()
        assert not project.queue.listing()
        page.get_by_label("weigh.factor").fill("2.5")
        page.get_by_label("everything again").check()
        page.get_by_role("button", name="Queue 2 images").click()
        until(lambda: len(project.queue.listing()) == 2, "the batches")
        batches = [row.batch for row in project.queue.listing()]
        assert [one.image_id for one in batches] == [3, 5]
        assert batches[0].parameters == {"weigh": {"factor": 2.5}}
        assert batches[0].force


def test_a_result_appears_by_itself_and_stale_looks_stale(visitor: Visitor) -> None:
    """A finished script shows without a reload; what would be different now is marked."""
    project = visitor.site.project
    with visitor.window("/library") as page:
        page.click("text=Columns")
        page.locator(".columns label", has_text="Weight").locator("input").check()
        cell = page.locator(".ag-row[row-id='9'] [col-id=name]")
        until(cell.count, "the row")
        add_result(project, 9)
        project.images.index([9])
        until(lambda: page.locator(".ag-row[row-id='9'] img.tiny").count(), "the picture")
        until(
            lambda: page.locator(".ag-row[row-id='9'] .warn").count(), "the mark of what is stale"
        )
        project.images.trash(Selection(images=(9,)), True)
        until(lambda: shown(page) == IMAGES - 1, "the row to be gone")
        page.get_by_role("button", name="Trash").first.click()
        until(lambda: shown(page) == 1, "the trash")
        tick(page, 0)
        page.keyboard.press("x")
        until(lambda: not project.images.record(9).person.trashed, "the image to be back")


def test_columns_are_kept(visitor: Visitor) -> None:
    """Which columns are shown, and how they are sorted, outlives the page."""
    with visitor.window("/library") as page:
        page.keyboard.press("v")
        page.locator(".columns label", has_text="Kind").locator("input").check()
        page.locator(".columns label", has_text="State").locator("input").uncheck()
        page.locator(HEADER.format("name")).locator(".ag-header-cell-label").click()
        page.wait_for_selector(HEADER.format("name") + "[aria-sort=ascending]")
        until(lambda: "root_product" not in str(page.evaluate(
            "JSON.parse(localStorage.getItem('cryobatch-library-columns')).columnVisibility")),
            "the columns to be kept")  # fmt: skip
        visitor.open(page, "/library")
        page.wait_for_selector(HEADER.format("name") + "[aria-sort=ascending]")
        assert page.locator(HEADER.format("state")).count() == 0


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_library_and_image_have_no_serious_findings_of_axe(visitor: Visitor, theme: str) -> None:
    """Contrast, names and roles hold in both themes, with the panel open."""
    with visitor.window() as page:
        page.evaluate("theme => localStorage.setItem('cryobatch-theme', theme)", theme)
        for path in ("/library", "/image?id=1"):
            visitor.open(page, path)
            if path == "/library":
                tick(page, 0)
            page.keyboard.press("p")
            page.wait_for_selector(".side .send")
            found = Axe().run(page).response["violations"]
            serious = [(one["id"], one["nodes"][0]["html"][:160]) for one in found
                       if one["impact"] in {"serious", "critical"}]  # fmt: skip
            assert serious == [], path


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_library_and_image_fit_the_screen(visitor: Visitor, size: tuple[int, int]) -> None:
    """Nothing sticks out, on a large screen and a phone."""
    with visitor.window(size=size) as page:
        for path in ("/library", "/image?id=1"):
            visitor.open(page, path)
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path


def test_a_picture_is_fetched_again_only_when_it_is_another(
    visitor: Visitor, project: Project
) -> None:
    """A comment on an image leaves its picture alone, a run that draws it anew does not."""
    fetched: list[str] = []
    with visitor.window("/library") as page:
        page.wait_for_selector(".ag-row img.tiny")
        page.wait_for_function(
            "() => [...document.querySelectorAll('img.tiny')].every(one => one.complete)"
        )
        page.on("request", lambda request: fetched.append(request.url))
        project.images.update(Selection(images=(1, 2)), comment_image("thick rim"))
        page.get_by_text("thick rim").first.wait_for()
        assert not [url for url in fetched if "/pictures/" in url]
        folder = project.images.folder(1)
        record = read_record(folder)
        again = {"weigh": replace(record.runs["weigh"], started_at="2026-01-02T00:00:00Z")}
        write_record(folder, replace(record, runs=again))
        wanted = "/images/1/pictures/micrograph?size=96&version=2026-01-02T00"
        with page.expect_request(lambda request: wanted in request.url):
            project.images.index([1])
