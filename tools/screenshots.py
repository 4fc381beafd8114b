"""Take the pictures in docs/screenshots from a real session: ``tools/screenshots.py DEMO``.

``DEMO`` is the project that ``make demo`` has left. Its recordings are worked on anew meanwhile, so
that the pages have something to show. Pages are served and looked at as a person does.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import imagecodecs
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "screenshots"
CRYOBATCH = Path(sys.executable).with_name("cryobatch")
SIZES = {"wide": (1400, 900), "phone": (390, 844)}
QUALITY = 82
LIVE = "#pulse.live"
SETTLE_MS = 1500
"""Charts and pictures have come by then: nothing tells when the last one is drawn."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture.

    Args:
        name: Its file's name without ending.
        path: The page's address.
        size: "wide" or "phone".
        theme: "dark" or "light".
        prepare: What is done on the page before.
    """

    name: str
    path: str
    size: str = "wide"
    theme: str = "dark"
    prepare: Callable[[Page], object] | None = None


def _choose(page: Page) -> None:
    for row in range(3):
        page.locator(f".ag-row[row-index='{row}'] input[type=checkbox]").check()
    page.keyboard.press("p")
    page.wait_for_selector(".side .send")


def _show_earlier(page: Page) -> None:
    for one in page.locator(".runs summary", has_text="Earlier").all():
        one.click()
    page.wait_for_selector(".earlier section")
    page.locator(".runs").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('.runs').scrollIntoView()")


def _show_motion(page: Page) -> None:
    page.wait_for_selector(".viewer[data-loaded]")
    page.keyboard.press("m")


SHOTS = (
    Shot("session", "/"),
    Shot("session-phone", "/", "phone"),
    Shot("library", "/library"),
    Shot("library-process", "/library", prepare=_choose),
    Shot("image", "/image?id=3", prepare=_show_motion),
    Shot("image-history", "/image?id=3", prepare=_show_earlier),
    Shot("image-light", "/image?id=3", theme="light"),
    Shot("image-phone", "/image?id=3", "phone"),
    Shot("queue", "/queue"),
    Shot("queue-phone", "/queue", "phone"),
    Shot("processors", "/processors"),
    Shot("log", "/log"),
    Shot("control", "/control"),
    Shot("control-light", "/control", theme="light"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Take them all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path, help="folder of the project")
    parser.add_argument("--to", type=Path, default=PICTURES, help="where the pictures go")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="names; default: all")
    parser.add_argument("--png", action="store_true", help="PNG, to be looked at, not WebP")
    parser.add_argument("--idle", action="store_true", help="work on nothing meanwhile")
    given = parser.parse_args(arguments)
    given.to.mkdir(parents=True, exist_ok=True)
    with _served(given.project, busy=not given.idle) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for shot in SHOTS:
            if not given.only or shot.name in given.only:
                _write(take(browser, address, shot), given.to / shot.name, as_png=given.png)
        browser.close()


def take(browser: Browser, address: str, shot: Shot) -> bytes:
    """Return a page's picture as PNG."""
    width, height = SIZES[shot.size]
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    try:
        page.goto(address)
        page.evaluate("theme => localStorage.setItem('cryobatch-theme', theme)", shot.theme)
        found = urlsplit(address)
        page.goto(f"{found.scheme}://{found.netloc}{shot.path}")
        page.wait_for_selector("body[data-started]")
        page.wait_for_selector(LIVE, state="attached")
        if shot.prepare is not None:
            shot.prepare(page)
        page.wait_for_timeout(SETTLE_MS)
        return page.screenshot()
    finally:
        context.close()


def _write(png: bytes, path: Path, *, as_png: bool) -> None:
    ending = ".png" if as_png else ".webp"
    content = png if as_png else imagecodecs.webp_encode(imagecodecs.png_decode(png), QUALITY)
    path.with_name(path.name + ending).write_bytes(content)
    print(f"{path.name}{ending}: {len(content):,} bytes", flush=True)


@contextmanager
def _served(folder: Path, *, busy: bool) -> Iterator[str]:
    """Serve a project; gives the address with the token."""
    command = [str(CRYOBATCH), "--project", str(folder)]
    process = subprocess.Popen(
        [*command, "serve", "--port", "0", "--processors", "2"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http\S+", process.stdout.readline())
        if found is None:
            raise SystemExit(f"{folder}: cannot be served")
        if busy:
            subprocess.run([*command, "submit", "--all", "--force"], check=True)
        yield found[0]
        if busy:
            subprocess.run([*command, "queue", "clear"], check=True)
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    main()
