"""A person watches folders in a real browser, and sees what is known and whether the gain fits."""

from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from cryobatch.imaging.gain import orient_reference
from cryobatch.imaging.simulate_camera import make_camera
from cryobatch.project.watching import Orders
from cryobatch.store import watching as store
from cryobatch.store.watching import FileRow, FileState
from tests.recording_files import write_mrc
from tests.web.browser import PHONE, WIDE, Visitor, until

HOSTILE = "<img src=x onerror=alert(1)>"
ENERGY = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with recordings of a laboratory's own names."""
    found = tmp_path / "session"
    found.mkdir()
    for number in range(3):
        frame = np.full((1, 16, 16), number, np.int16)
        write_mrc(found / f"G1_S{number}_{number:04}.mrc", frame, 1.5)
    write_mrc(found / f"{HOSTILE}.mrc", np.ones((1, 16, 16), np.int16), 1.5)
    return found


def watch(visitor: Visitor, folder: Path) -> int:
    """Watch a folder with one file that lacks something; returns its number."""
    project = visitor.site.project
    watched = project.watching.add(folder, Orders(submit=False))
    rows = [
        FileRow(f"{HOSTILE}.mrc", (9, 1, 1), FileState.INCOMPLETE, 1.0, "the last strip is missing")
    ]
    rows += [FileRow(f"{n}.mrc", (9, 1, 1), FileState.FAILED, 2.0, "no MRC") for n in range(8)]
    with project.database.transaction() as t:
        store.put_files(t, watched.id, rows)
        store.set_status(t, watched.id, {"state": "watching", "settling": 0})
    return watched.id


def make_movies(visitor: Visitor, folder: Path) -> None:
    """Import two movies of raw counts whose gain reference is said to be turned by 90°."""
    camera = make_camera((128, 128), gain_deviation=0.1, hot=0, dead=0, seed=1)
    random = np.random.default_rng(3)
    write_mrc(folder.parent / "gain.mrc", orient_reference(camera.gain, 3, 0)[None])
    movies = folder.parent / "movies"
    movies.mkdir()
    for number in range(2):
        counts = random.poisson(ENERGY * camera.rates, (4, 128, 128))
        write_mrc(movies / f"m{number}.mrc", counts.astype(np.int16))
    visitor.site.project.import_recordings(
        [movies], submit=False,
        facts={"gain": folder.parent / "gain.mrc", "gain_rotation": 2, "pixel_size": 1.0},
    )  # fmt: skip


def test_a_folder_is_watched_from_the_browser(visitor: Visitor, folder: Path) -> None:
    """Its path is checked while it is typed, and it appears with its orders for everybody."""
    guest = visitor.site.access.guest
    with visitor.window("/import") as page, visitor.window("/import", token=guest) as other:
        assert "No folder is watched" in page.locator("main").inner_text()
        assert other.get_by_role("button", name="Watch a folder").first.is_hidden()
        page.keyboard.press("a")
        page.get_by_label("Folder", exact=True).fill(str(folder.parent / "sess"))
        answer = page.locator(".look")
        until(lambda: "not there yet" in answer.inner_text(), "the answer about no folder")
        page.get_by_label("Folder", exact=True).fill(str(folder))
        until(lambda: "4 recordings" in answer.inner_text(), "the answer about the folder")
        answer.get_by_text("facts known of").click()
        fact = answer.locator("tr", has_text="pixel size")
        assert fact.inner_text().split("\t")[1:] == ["1.5\u202fÅ", "MRC header"]
        page.get_by_label("scripts").select_option("nothing: only import")
        page.get_by_label("copy").check()
        page.get_by_label("no faster than").fill("50")
        page.get_by_role("button", name="Watch this folder").click()
        card = other.locator(".watch")
        until(lambda: card.count() == 1 and str(folder) in card.inner_text(), "the guest's card")
        assert "copy at 50 MB/s · only import" in card.inner_text()
        assert card.get_by_role("button", name="Stop").is_hidden()
    (watched,) = visitor.site.project.watching.listing()
    assert (watched.folder, watched.orders.submit) == (folder, False)


def test_a_name_pattern_is_tried_while_it_is_written(visitor: Visitor, folder: Path) -> None:
    """Its parts are shown on real names; a hostile name is shown as the text that it is."""
    with visitor.window("/import") as page:
        page.keyboard.press("a")
        page.get_by_label("Folder", exact=True).fill(str(folder))
        pattern = page.get_by_label("Name pattern")
        pattern.fill("{grid}_S{squar")
        pattern.fill("{grid}_S{square}_{number}")
        part = page.locator(".names-part")
        until(lambda: "fits 3 of 4 names" in part.inner_text(), "what the pattern fits")
        assert "grid square 2" in part.inner_text()
        assert f"○ {HOSTILE}" in part.inner_text()
        pattern.fill("{nothing}")
        until(lambda: "no part of a name pattern" in part.inner_text(), "why it means nothing")


def test_what_lacks_something_says_why(visitor: Visitor, folder: Path) -> None:
    """With its reason, as text; all of them on demand, and what comes later by itself."""
    number = watch(visitor, folder)
    with visitor.window("/import") as page:
        card = page.locator(".watch")
        assert f"{HOSTILE}.mrc" in card.inner_text()
        assert "the last strip is missing" in card.inner_text()
        assert card.locator(".files li").count() == 6
        card.get_by_role("button", name="Show 3 more files").click()
        until(lambda: card.locator(".files li").count() == 9, "all files")
        card.get_by_role("button", name="Show fewer").click()
        until(lambda: card.locator(".files li").count() == 6, "the first ones")
        project = visitor.site.project
        with project.database.transaction() as t:
            left = FileRow("0.mrc", (9, 1, 1), FileState.INCOMPLETE, 3.0, "it is gone again")
            store.put_files(t, number, [left])
            news = {"state": "watching", "settling": 1, "settling_files": ["a/late.mrc"]}
            store.set_status(t, number, news)
        until(lambda: "it is gone again" in card.inner_text(), "the news")


def test_a_folder_is_steered_by_keys_and_removal_is_undone(visitor: Visitor, folder: Path) -> None:
    """Stop and start, other orders, a scan, forgetting it; and back with the same orders."""
    watch(visitor, folder)
    watching = visitor.site.project.watching
    with visitor.window("/import") as page:
        until(lambda: page.locator(".watch.chosen").count() == 1, "the chosen folder")
        page.keyboard.press("s")
        until(lambda: not watching.listing()[0].active, "the stop")
        until(lambda: "stopped" in page.locator(".watch .state").inner_text(), "its state")
        page.keyboard.press("s")
        until(lambda: watching.listing()[0].active, "the start")
        page.keyboard.press("r")
        until(lambda: watching.listing()[0].scans == 1, "the wish for a scan")
        page.keyboard.press("e")
        page.get_by_label("without").fill("old/*, GridSquare_7")
        page.get_by_role("button", name="Give these orders").click()
        until(lambda: len(watching.listing()[0].orders.patterns.ignore) == 2, "the new orders")
        page.locator("main").click(position={"x": 5, "y": 5})
        page.keyboard.press("x")
        until(lambda: page.locator(".watch").count() == 0, "the removal")
        page.get_by_role("button", name="Undo").last.click()
        until(lambda: page.locator(".watch").count() == 1, "the folder again")
    assert watching.listing()[0].orders.patterns.ignore == ("old/*", "GridSquare_7")


def test_a_gain_that_is_turned_wrongly_is_seen_and_turned(visitor: Visitor, folder: Path) -> None:
    """Raw counts beside the expected ones, as set and as they fit best; a button sets it right."""
    make_movies(visitor, folder)
    project = visitor.site.project
    with visitor.window("/import") as page:
        panel = page.locator(".gain")
        until(lambda: panel.locator(".gain-pictures img").count() == 3, "the pictures")
        assert "turned wrongly" in panel.inner_text()
        assert "gain_rotation=1 gain_flip=0" in panel.inner_text()
        sizes = "[...document.querySelectorAll('.gain img')].map(one => one.naturalWidth)"
        until(lambda: page.evaluate(sizes) == [128] * 11, "three pictures and eight small ones")
        panel.get_by_role("button", name="Turn it so").click()
        panel.get_by_role("button", name="All images").click()
        until(lambda: "It fits as it is turned" in panel.inner_text(), "the right orientation")
        images = [int(str(row["id"])) for row in project.images.rows("root_product == 'movie'")]
        assert [project.images.record(one).fact("gain_rotation") for one in images] == [1, 1]
        page.get_by_role("button", name="Undo").click()
        until(lambda: "turned wrongly" in panel.inner_text(), "the orientation before")


def test_facts_are_told_with_their_sources(visitor: Visitor) -> None:
    """Each with its unit; a person's correction shows by itself."""
    with visitor.window("/import") as page:
        row = page.locator(".known tr", has_text="pixel size")
        assert row.inner_text().split("\t")[1:] == ["1.5\u202fÅ", "header"]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_page_fits_and_has_no_serious_findings(
    visitor: Visitor, folder: Path, theme: str, size: tuple[int, int]
) -> None:
    """With a watched folder, and with the form for another one open."""
    watch(visitor, folder)
    with visitor.window(size=size) as page:
        page.evaluate("theme => localStorage.setItem('cryobatch-theme', theme)", theme)
        visitor.open(page, "/import")
        check(page, size)
        page.keyboard.press("a")
        page.get_by_label("Folder", exact=True).fill(str(folder))
        page.get_by_label("Name pattern").fill("{grid}_S{square}_{number}")
        until(lambda: page.locator(".names li").count() == 4, "the names")
        check(page, size)


def check(page: Page, size: tuple[int, int]) -> None:
    """See that nothing sticks out, and that axe finds nothing serious."""
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], [node["html"][:160] for node in one["nodes"]])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]
    assert serious == []
