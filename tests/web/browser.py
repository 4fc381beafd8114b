"""A real browser that accepts nothing from outside and no error of a page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.daemon.running import wait_for
from tests.web.site import Site

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
WIDE = (1400, 900)
PHONE = (390, 844)


@dataclass(slots=True)
class Visitor:
    """A person at a browser.

    Args:
        site: What they look at.
        browser: The browser.
        faults: What went wrong in any page.
    """

    site: Site
    browser: Browser
    faults: list[str] = field(default_factory=list)

    @contextmanager
    def window(
        self, path: str = "/", *, size: tuple[int, int] = WIDE, token: str | None = None
    ) -> Iterator[Page]:
        """Open a page in a window of its own, signed in by the address with the token."""
        context = self.browser.new_context(viewport={"width": size[0], "height": size[1]})
        page = context.new_page()
        self.watch(page)
        try:
            page.goto(f"{self.site.address}/?token={token or self.site.access.token}")
            self.open(page, path)
            yield page
        finally:
            context.close()

    def open(self, page: Page, path: str) -> None:
        """Go to a page and wait until it has begun."""
        page.goto(f"{self.site.address}{path}")
        page.wait_for_selector("body[data-started]")

    def watch(self, page: Page) -> None:
        """Hear of every fault of a page."""
        page.on("pageerror", lambda error: self.faults.append(f"page error: {error}"))
        page.on("console", lambda message: self._hear(message))
        page.on("request", lambda request: self._check_address(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        # A stream that is cut and comes back is told on the console, and is no fault of a page.
        lost = "ERR_" in message.text and "/api/v1/events" in message.location["url"]
        if message.type == "error" and not lost:
            self.faults.append(f"console: {message.text} ({message.location['url']})")

    def _check_address(self, url: str) -> None:
        found = urlsplit(url)
        if found.scheme not in {"data", "blob"} and found.hostname != "127.0.0.1":
            self.faults.append(f"asked outside: {url}")


def until(condition: Callable[[], object], what: str) -> float:
    """Wait for something that a page shows; returns how long that took, in seconds."""
    return wait_for(condition, what, timeout_s=20.0)
