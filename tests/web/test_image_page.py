"""A person looks at one image, judges it, and processes it again."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from playwright.sync_api import Page
from starlette.testclient import TestClient

from cryobatch.formats import parameter_file
from cryobatch.formats.mrc import write_image
from cryobatch.model.batch import BatchState
from cryobatch.model.event import Level, LogEntry
from cryobatch.processing.image_folder import read_record, write_record
from cryobatch.project import Project, Selection
from cryobatch.project.correction import comment_image
from cryobatch.store import log, queue
from tests.web.browser import PHONE, Visitor, until
from tests.web.results import BENDING_PX, COLUMNS, FRAMES, PICKS, ROWS, add_products

LOADED = ".viewer[data-loaded]"


def shows(page: Page) -> str | None:
    """Return the id of the image that is shown."""
    return page.locator("main").get_attribute("data-shows")


def drawn_pixels(page: Page) -> str:
    """Return what is drawn of the micrograph."""
    found = page.evaluate("() => document.querySelector('.viewer canvas').toDataURL()")
    return str(found)


def test_an_image_is_told_with_units_and_where_all_comes_from(
    client: TestClient, project: Project
) -> None:
    """Values with unit and reason, runs, facts, picks, track, curve, neighbours, log."""
    add_products(project, 2)
    view = client.get("/api/v1/images/2/view").json()
    assert view["problems"] == []
    assert (view["micrograph"]["rows"], view["micrograph"]["columns"]) == (ROWS, COLUMNS)
    assert list(zip(view["picks"]["x"], view["picks"]["y"], strict=True)) == list(PICKS)
    assert len(view["motion"]["x_angstrom"]) == FRAMES
    assert view["motion"]["x_angstrom"][-1] == pytest.approx(3.0)
    assert view["motion"]["uncertainty_angstrom"] == 0.2
    assert len(view["curve"]["fit"]) == 128
    assert (view["previous"], view["next"]) == (1, 3)
    run = next(one for one in view["runs"] if one["script"] == "measure_all")
    assert (run["host"], run["seconds"], run["version"]) == ("microscope-room", 4.5, "7")
    absent = next(one for one in run["values"] if one["name"] == "phase_shift")
    assert (absent["value"], absent["absent"]) == (None, "not searched")
    assert view["facts"]["pixel_size"] == {"value": 1.5, "source": "header", "unit": "Å"}
    assert client.get("/api/v1/images/2/logs/weigh").json()["text"] == "weighing <b>all</b>\n"
    assert view["earlier"] == {}
    assert client.get("/api/v1/images/2/history").json() == {"history": []}


def test_local_motion_is_told_at_the_places_of_a_field(
    client: TestClient, project: Project
) -> None:
    """Places in pixels of the micrograph, tracks in Å: the whole frame's and the local part."""
    add_products(project, 2)
    local = client.get("/api/v1/images/2/view").json()["motion"]["local"]
    assert (local["x"][0], local["y"][0]) == (COLUMNS / 10 - 0.5, ROWS / 10 - 0.5)
    assert (local["x"][-1], local["y"][-1]) == (COLUMNS * 0.9 - 0.5, ROWS * 0.9 - 0.5)
    last = FRAMES - 1
    for place in (0, 4, 12, 24):
        bent = BENDING_PX * ((local["x"][place]) / COLUMNS - 0.5) * last
        found = local["x_angstrom"][place][last], local["y_angstrom"][place][last]
        assert found == pytest.approx(((2.0 + bent) * 1.5, -1.5), abs=2e-3)
        assert local["x_angstrom"][place][0] == 0.0


def keep_earlier(project: Project, image_id: int) -> str:
    """Put an earlier run of "weigh" with another value and its picture into the history."""
    folder = project.images.folder(image_id)
    record = read_record(folder)
    run = replace(record.runs["weigh"], started_at="2025-12-31T23:00:00Z", parameters={"factor": 3})
    name = "weigh-20251231T230000-1"
    kept = folder / "history" / name
    (kept / "thumbnails").mkdir(parents=True)
    shutil.copy(folder / "thumbnails" / "micrograph.jpg", kept / "thumbnails")
    values = {"weigh": {**record.values["weigh"], "ctf_resolution": 4.2}}
    (kept / "record.toml").write_text(
        parameter_file.dumps(replace(record, runs={"weigh": run}, values=values))
    )
    return name


def test_an_earlier_run_tells_its_values_and_sends_its_pictures(
    client: TestClient, project: Project
) -> None:
    """By its name as the list gives it; no other name reaches any file."""
    name = keep_earlier(project, 2)
    assert client.get("/api/v1/images/2/view").json()["earlier"] == {"weigh": 1}
    (run,) = client.get("/api/v1/images/2/history").json()["history"]
    assert (run["name"], run["script"], run["values"]["ctf_resolution"]) == (name, "weigh", 4.2)
    assert run["pictures"] == ["micrograph_thumbnail"]
    address = f"/api/v1/images/2/history/{name}/micrograph_thumbnail"
    assert client.get(address).headers["content-type"] == "image/jpeg"
    for wrong in (f"{name}/record.toml", f"{name}/nothing", "..%2f..%2f2/x", "..%2fhistory/x"):
        assert client.get(f"/api/v1/images/2/history/{wrong}").status_code in {400, 404, 422}


def test_what_failed_last_is_told_on_the_page(visitor: Visitor) -> None:
    """The script and its words, with the way to the log."""
    project = visitor.site.project
    with project.database.transaction() as t:
        batch = queue.claim(t, "local-1", 1.0)
        assert batch is not None
        queue.finish(t, batch.id, batch.attempt, BatchState.FAILED, {"weigh": "too heavy"}, 2.0)
        log.append(t, [LogEntry(time.time(), "too heavy", Level.ERROR, "local-1", batch.image_id,
                                batch.id, "weigh")])  # fmt: skip
    with visitor.window(f"/image?id={batch.image_id}") as page:
        notice = page.locator(".notices li", has_text="failed in weigh: too heavy")
        notice.wait_for()
        notice.get_by_role("link").click()
        page.wait_for_url("**/log?image_id=*")


def test_an_earlier_run_is_laid_beside_the_present_one(visitor: Visitor) -> None:
    """Values then and now with their difference, what was set otherwise, and both pictures."""
    keep_earlier(visitor.site.project, 2)
    with visitor.window("/image?id=2") as page:
        page.locator("summary", has_text="Earlier runs (1)").click()
        row = page.locator(".earlier tr", has_text="ctf resolution")
        row.wait_for()
        assert row.locator("td").all_inner_texts() == ["4.2", "3.2", "−1"]
        assert "factor 3 → –" in page.locator(".earlier .changed").inner_text()
        page.locator(".earlier").scroll_into_view_if_needed()
        widths = "[...document.querySelectorAll('.earlier img')].map(one => one.naturalWidth)"
        until(lambda: page.evaluate(widths) == [64, 64], "both pictures")


def test_a_broken_file_costs_only_its_own_part(client: TestClient, project: Project) -> None:
    """The rest of the page is there, and the problem is told."""
    add_products(project, 2)
    (project.images.folder(2) / "motion.star").write_text("nonsense")
    view = client.get("/api/v1/images/2/view").json()
    assert view["motion"] is None
    assert view["picks"] is not None
    assert "motion.star" in view["problems"][0]


def test_pictures_are_drawn_from_the_pixels(client: TestClient, project: Project) -> None:
    """At the size that is asked for, again only when the file has changed."""
    add_products(project, 2)
    for kind, shape in (("micrograph", (ROWS, COLUMNS)), ("spectrum", (256, 256))):
        answer = client.get(f"/api/v1/images/2/pictures/{kind}", params={"size": 1000})
        assert np.asarray(imagecodecs.imread(answer.content)).shape == shape
        mark = {"If-None-Match": answer.headers["ETag"]}
        address = f"/api/v1/images/2/pictures/{kind}?size=1000"
        assert client.get(address, headers=mark).status_code == 304
    small = client.get("/api/v1/images/2/pictures/micrograph", params={"size": 40})
    assert np.asarray(imagecodecs.imread(small.content)).shape == (72, 96)
    assert client.get("/api/v1/images/20/pictures/spectrum").status_code == 404


@pytest.mark.parametrize("file", ["../../../../project.toml", "/etc/passwd", "link.mrc"])
def test_no_picture_is_drawn_from_another_file(
    client: TestClient, project: Project, tmp_path: Path, file: str
) -> None:
    """Even a record that names another file, or a link that leads away, sends nothing of it."""
    add_products(project, 2)
    folder = project.images.folder(2)
    (tmp_path / "secret.mrc").write_bytes((folder / "micrograph.mrc").read_bytes())
    (folder / "link.mrc").symlink_to(tmp_path / "secret.mrc")
    record = read_record(folder)
    products = dict.fromkeys(record.runs["measure_all"].products, file)
    run = replace(record.runs["measure_all"], products=products)
    write_record(folder, replace(record, runs={"measure_all": run}))
    for kind in ("micrograph", "spectrum"):
        assert client.get(f"/api/v1/images/2/pictures/{kind}").status_code == 404
    view = client.get("/api/v1/images/2/view").json()
    assert view["motion"] is view["picks"] is view["curve"] is None
    for name in ("..%2f..%2fimage", "%2e%2e%2fimage", "image"):
        assert client.get(f"/api/v1/images/2/logs/{name}").status_code in {404, 400}


def test_an_image_is_looked_at_judged_and_left_for_the_next(visitor: Visitor) -> None:
    """Pan, zoom, picks, flags by key, next and previous; the log's text stays text."""
    project = visitor.site.project
    for image_id in (1, 2):
        add_products(project, image_id)
    with visitor.window("/image?id=1") as page:
        page.wait_for_selector(LOADED)
        page.wait_for_selector(".measured img")
        assert page.locator(".track circle.frame").count() == FRAMES
        assert page.locator(".track path.part").count() == 25
        for key, name in (("m", "Motion"), ("s", "Smooth")):
            page.keyboard.press(key)
            page.get_by_role("button", name=name, pressed=True).wait_for()
        assert page.locator(".curve path").count() == 3
        assert "not searched" in page.locator(".runs").inner_text()
        box = page.locator(".viewer").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 200, box["y"] + 200)
        page.mouse.wheel(0, -400)
        page.mouse.down()
        page.mouse.move(box["x"] + 240, box["y"] + 220, steps=3)
        page.mouse.up()
        page.keyboard.press("o")
        page.keyboard.press("3")
        until(lambda: project.images.record(1).person.flag == "red", "the flag")
        until(lambda: page.locator(".image-head .flag.red").count() == 1, "the flag on the page")
        page.locator("summary", has_text="Log").first.click()
        page.locator("pre", has_text="weighing <b>all</b>").wait_for()
        page.keyboard.press("j")
        until(lambda: shows(page) == "2", "the next image")
        assert page.evaluate("location.search") == "?id=2"
        page.go_back()
        until(lambda: shows(page) == "1", "the image before")


def test_a_renewed_micrograph_takes_the_place_of_a_larger_old_one(visitor: Visitor) -> None:
    """Who has looked at every pixel and is back at the whole sees the new one too."""
    project = visitor.site.project
    add_products(project, 1)
    micrograph = project.images.folder(1) / "micrograph.mrc"
    pixels = np.random.default_rng(1).normal(size=(1400, 1400)).astype(np.float32)
    write_image(micrograph, pixels, 1.5)
    with visitor.window("/image?id=1", size=PHONE) as page:
        page.wait_for_selector(LOADED)
        for _ in range(6):
            page.keyboard.press("+")
        page.locator(".viewer[data-loaded='2048']").wait_for()
        page.keyboard.press("f")
        write_image(micrograph, -pixels, 1.5)
        before = drawn_pixels(page)
        project.images.update(Selection(images=(1,)), comment_image("made again"))
        page.locator(".viewer[data-loaded='1024']").wait_for()
        until(lambda: drawn_pixels(page) != before, "the new micrograph")


def test_the_panel_of_one_image_does_not_stay_with_the_next(visitor: Visitor) -> None:
    """What is queued is the image that is seen."""
    with visitor.window("/image?id=4") as page:
        page.get_by_role("button", name="Process…").click()
        page.get_by_role("button", name="Queue 1 image").wait_for()
        page.keyboard.press("Escape")
        page.locator("body").press("p")
        page.get_by_role("button", name="Queue 1 image").wait_for()
        page.get_by_role("button", name="next image").click()
        until(lambda: shows(page) == "5", "the next image")
        assert page.get_by_role("button", name="Queue 1 image").is_hidden()


def test_the_librarys_order_is_that_of_the_keys(visitor: Visitor) -> None:
    """From a filtered table one goes through what the filter shows."""
    with visitor.window("/library?where=id in (2, 5, 7)") as page:
        page.locator(".ag-row[row-id='5'] a").click()
        page.wait_for_url("**/image?id=5")
        until(lambda: shows(page) == "5", "the image")
        assert "2 of 3" in page.locator(".image-head").inner_text()
        page.keyboard.press("j")
        until(lambda: shows(page) == "7", "the next that the filter shows")


def test_an_image_is_processed_again_with_parameters_of_its_own(visitor: Visitor) -> None:
    """They are kept in its parameter file, and it goes to the top of the queue."""
    project = visitor.site.project
    with visitor.window("/image?id=4") as page:
        page.get_by_role("button", name="Process…").click()
        for box in page.locator(".scripts input:checked").all():
            box.uncheck()
        page.locator(".scripts label", has_text="weigh").locator("input").check()
        page.locator(".plan li", has_text="Weigh").wait_for()
        page.locator(".parameters summary").click()
        page.get_by_label("weigh.factor").fill("4")
        page.get_by_role("button", name="Queue 1 image").click()
        until(lambda: project.images.record(4).parameters == {"weigh": {"factor": 4.0}}, "them")
        until(lambda: project.queue.listing()[0].batch.image_id == 4, "it on top")


def test_what_no_script_takes_is_taken_back_on_the_images_page(
    visitor: Visitor, client: TestClient
) -> None:
    """A parameter that is gone, and one for a script that is not there; nothing else changes."""
    project = visitor.site.project
    file = project.images.folder(4) / "image.toml"
    with file.open("a") as text:
        text.write("[parameters.wiegh]\nfactor = 2\n[parameters.weigh]\nfactor = 3\nshare = 1\n")
    with visitor.window("/image?id=4", size=PHONE) as page:
        page.locator(".notices li").nth(1).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.get_by_role("button", name="Process…").click()  # neither sends nor hides them
        for box in page.locator(".scripts input:checked").all():
            box.uncheck()
        page.locator(".scripts label", has_text="weigh").locator("input").check()
        page.get_by_label("weigh.factor").fill("4")
        page.get_by_role("button", name="Queue 1 image").click()
        kept = {"wiegh": {"factor": 2}, "weigh": {"factor": 4.0, "share": 1}}
        until(lambda: project.images.record(4).parameters == kept, "the panel's parameter")
        for word in ("wiegh", "share"):
            notice = page.locator(".notices li", has_text=word)
            assert f"{file.relative_to(project.place.folder)}: [parameters." in notice.inner_text()
            notice.get_by_role("button", name="Take back").click()
            until(lambda one=notice: not one.count(), "it gone")  # type: ignore[misc]
    assert project.images.record(4).parameters == {"weigh": {"factor": 4.0}}
    body = {"images": [4], "parameters": {"wiegh": {"factor": None}}}
    answer = client.post("/api/v1/images/parameters", json=body)
    assert (answer.status_code, "no script is called" in answer.json()["error"]) == (400, True)
