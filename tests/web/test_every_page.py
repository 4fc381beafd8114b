"""What holds for every page, those to come among them."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page as Window

from cryobatch.web.pages.frame import PAGES, Page
from tests.web.browser import PHONE, WIDE, Visitor, until
from tests.web.results import add_products
from tests.web.site import Site

SETTLED = "document.fonts.ready.then(() => new Promise(next => requestAnimationFrame(next)))"
STOPS = 40
FOCUSED = """(() => {
    const one = document.activeElement;
    const box = one.getBoundingClientRect();
    const style = getComputedStyle(one);
    return {
        tag: one.tagName, name: one.outerHTML.slice(0, 120), place: [box.x, box.y],
        seen: box.width > 0 && box.height > 0 && style.visibility !== "hidden",
        ringed: style.outlineStyle !== "none" || style.boxShadow !== "none"
            || style.borderStyle !== "none" || one.matches("input[type=checkbox]"),
    };
})()"""


@pytest.fixture
def visited(visitor: Visitor) -> Visitor:
    """Return a person at a project whose first image has results of every kind."""
    add_products(visitor.site.project, 1)
    return visitor


def address_of(page: Page) -> str:
    """Return an address under which a page has something to show."""
    return "/image?id=1" if page.path == "/image" else page.path


def walk(visitor: Visitor, window: Window) -> Iterator[Page]:
    """Yield every page as soon as it is there."""
    for page in PAGES:
        visitor.open(window, address_of(page))
        window.evaluate(SETTLED)
        yield page


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_pages_fit_the_screen_and_have_no_serious_findings_of_axe(
    visited: Visitor, size: tuple[int, int], theme: str
) -> None:
    """Nothing sticks out; contrast, names and roles hold, on a large screen and on a phone."""
    with visited.window(size=size) as window:
        window.evaluate("theme => localStorage.setItem('cryobatch-theme', theme)", theme)
        for page in walk(visited, window):
            assert window.evaluate("document.documentElement.dataset.theme") == theme
            width = window.evaluate("document.documentElement.scrollWidth")
            assert width <= size[0], (page.path, width)
            serious = [
                (one["id"], one["nodes"][0]["html"][:120], one["nodes"][0].get("failureSummary"))
                for one in Axe().run(window).response["violations"]
                if one["impact"] in {"serious", "critical"}
            ]
            assert serious == [], page.path


def test_the_theme_is_chosen_and_kept(visitor: Visitor) -> None:
    """By the button in the corner; the next page and a reload have it too."""
    with visitor.window() as window:
        window.click("#theme")
        assert window.evaluate("document.documentElement.dataset.theme") == "light"
        window.reload()
        assert window.evaluate("document.documentElement.dataset.theme") == "light"


def test_every_page_is_walked_by_keyboard_alone(visited: Visitor) -> None:
    """Tab goes on from the link past the navigation, stands on what is seen, is caught nowhere."""
    with visited.window() as window:
        for page in walk(visited, window):
            window.keyboard.press("Tab")
            assert window.evaluate("document.activeElement.className") == "skip", page.path
            window.keyboard.press("Enter")
            assert window.evaluate("document.activeElement.id") == "main", page.path
            stops: list[tuple[str, object]] = []
            for _ in range(STOPS):
                window.keyboard.press("Tab")
                found = window.evaluate(FOCUSED)
                if found["tag"] == "BODY":
                    break
                assert found["seen"], (page.path, found["name"])
                assert found["ringed"], (page.path, found["name"])
                stop = (found["name"], tuple(found["place"]))
                assert stop not in stops[-1:], (page.path, found["name"])
                stops.append(stop)


def test_letters_lead_from_every_page_to_the_next(visited: Visitor) -> None:
    """``g`` and a letter, as the list of keys says, which ``?`` shows everywhere."""
    listed = [page for page in PAGES if page.listed]
    assert len({page.key for page in PAGES}) == len(PAGES)
    with visited.window(listed[-1].path) as window:
        for page in listed:
            window.keyboard.press("?")
            assert page.title in window.locator("dialog.keys").inner_text()
            window.keyboard.press("Escape")
            until(lambda: window.locator("dialog.keys").count() == 0, "the list to close")
            window.keyboard.press("g")
            window.keyboard.press(page.key)
            window.wait_for_url(f"**{page.path}")
            window.wait_for_selector("body[data-started]")


def test_every_page_comes_back_when_the_server_does(
    visited: Visitor, serve_site: Callable[[], Site]
) -> None:
    """All are open at once, more than a browser has connections; none has to be opened anew."""
    with visited.window() as window:
        windows = [window.context.new_page() for _ in PAGES]
        for one, page in zip(windows, PAGES, strict=True):
            visited.watch(one)
            visited.open(one, address_of(page))
            one.wait_for_selector("#pulse.live", state="attached")
        visited.site.process.kill()
        visited.site.process.wait()
        for one in windows:
            one.wait_for_selector("#pulse.lost", state="attached")
        serve_site()
        for one in windows:
            one.wait_for_selector("#pulse.live", state="attached")
            assert one.locator("body[data-started]").count() == 1
            assert one.locator(".toast.bad").count() == 0


def test_a_guest_is_shown_no_button_that_would_be_refused(visited: Visitor) -> None:
    """Every page opens for who may only look, and offers nothing that changes anything."""
    with visited.window(token=visited.site.access.guest) as window:
        for page in walk(visited, window):
            assert window.locator(".changes:visible").count() == 0, page.path
            assert window.locator(".toast.bad").count() == 0, page.path


def test_a_page_cannot_ask_outside_even_if_it_wants_to(visitor: Visitor) -> None:
    """The policy that comes with every page forbids it, and this very test suite would notice."""
    with visitor.window() as window:
        asked = "fetch('http://192.0.2.1/').then(() => 'answered', () => 'refused')"
        assert window.evaluate(asked) == "refused"
    assert visitor.faults
    assert all("192.0.2.1" in fault for fault in visitor.faults)
    visitor.faults.clear()
