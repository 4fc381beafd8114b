"""Take the pictures in docs/screenshots from a real session: ``tools/screenshots.py DEMO``.

``DEMO`` is the project that ``make demo`` has left. For pages that show work, its images are
processed anew meanwhile; for failures, a laboratory's script runs that refuses some of them.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
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
IMAGE = "3"
SIZES = {"wide": (1400, 900), "phone": (390, 844)}
QUALITY = 75
REFUSING = Path(__file__).with_name("measure_carbon.py")
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
        setup: What is done with the project before.
        prepare: What is done on the page before.
        busy: Whether processors are at work meanwhile.
    """

    name: str
    path: str
    size: str = "wide"
    theme: str = "dark"
    setup: Callable[[Path], object] | None = None
    prepare: Callable[[Page], object] | None = None
    busy: bool = False


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


def _drag_range(page: Page) -> None:
    page.keyboard.press("h")
    box = page.locator(".histogram[data-name=ctf_resolution] svg").bounding_box()
    if box is not None:
        page.mouse.move(box["x"] + 2, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20, steps=4)
        page.mouse.up()


def _await_gain(page: Page) -> None:
    page.get_by_text("summed and compared").wait_for(state="hidden", timeout=120_000)


def _show_motion(page: Page) -> None:
    page.wait_for_selector(".viewer[data-loaded]")
    page.keyboard.press("m")


def _smooth(page: Page) -> None:
    page.wait_for_selector(".viewer[data-loaded]")
    page.keyboard.press("s")


def _process_again(folder: Path) -> None:
    """Have an image picked with another diameter and then as it was: it has earlier runs now."""
    for more in (["--set", "pick_particles.diameter=150"], []):
        _process(folder, "--images", IMAGE, *more)


def _refuse_some(folder: Path) -> None:
    """Have some images fail: they drift too much for a script, or their fit is too bad."""
    shutil.copy(REFUSING, folder / "scripts")
    _process(folder, "--all", "--scripts", REFUSING.stem)


def _process(folder: Path, *words: str) -> None:
    subprocess.run([*_command(folder), "submit", *words], check=True)
    queued = [*_command(folder), "queue", "list", "--json"]
    while subprocess.check_output(queued).strip() != b"[]":
        time.sleep(1.0)


SHOTS = (
    Shot("session", "/"),
    Shot("session-phone", "/", "phone"),
    Shot("import", "/import", prepare=_await_gain),
    Shot("library", "/library"),
    Shot("library-process", "/library", prepare=_choose),
    Shot("library-histograms", "/library", prepare=_drag_range),
    Shot("image", f"/image?id={IMAGE}", prepare=_show_motion),
    Shot("image-history", f"/image?id={IMAGE}", setup=_process_again, prepare=_show_earlier),
    Shot("image-light", f"/image?id={IMAGE}", theme="light", prepare=_smooth),
    Shot("image-phone", f"/image?id={IMAGE}", "phone"),
    Shot("map", "/map"),
    Shot("settings", "/settings"),
    Shot("log", "/log"),
    Shot("failures", "/failures", setup=_refuse_some),
    Shot("queue", "/queue", busy=True),
    Shot("queue-phone", "/queue", "phone", busy=True),
    Shot("processors", "/processors", busy=True),
    Shot("control", "/control", busy=True),
    Shot("control-light", "/control", theme="light", busy=True),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Take them all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path, help="folder of the project")
    parser.add_argument("--to", type=Path, default=PICTURES, help="where the pictures go")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="names; default: all")
    parser.add_argument("--png", action="store_true", help="PNG, to be looked at, not WebP")
    given = parser.parse_args(arguments)
    given.to.mkdir(parents=True, exist_ok=True)
    shots = [shot for shot in SHOTS if not given.only or shot.name in given.only]
    with _served(given.project) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for shot in shots:
            if not shot.busy:
                if shot.setup is not None:
                    shot.setup(given.project)
                _write(take(browser, address, shot), given.to / shot.name, as_png=given.png)
        if any(shot.busy for shot in shots):
            with _at_work(given.project):
                for shot in shots:
                    if shot.busy:
                        png = take(browser, address, shot)
                        _write(png, given.to / shot.name, as_png=given.png)
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
    content = png if as_png else _encode(png)
    path.with_name(path.name + ending).write_bytes(content)
    print(f"{path.name}{ending}: {len(content):,} bytes", flush=True)


def _encode(png: bytes) -> bytes:
    pixels = imagecodecs.png_decode(png)
    return bytes(imagecodecs.webp_encode(pixels, level=QUALITY, lossless=False))


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """Serve a project; gives the address with the token."""
    process = subprocess.Popen(
        [*_command(folder), "serve", "--port", "0", "--processors", "2"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        found = re.search(r"http\S+", process.stdout.readline())
        if found is None:
            raise SystemExit(f"{folder}: cannot be served")
        yield found[0]
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def _at_work(folder: Path) -> Iterator[None]:
    """Have all images processed anew meanwhile."""
    subprocess.run([*_command(folder), "submit", "--all", "--force"], check=True)
    yield
    subprocess.run([*_command(folder), "queue", "clear"], check=True)


def _command(folder: Path) -> list[str]:
    return [str(CRYOBATCH), "--project", str(folder)]


if __name__ == "__main__":
    main()
