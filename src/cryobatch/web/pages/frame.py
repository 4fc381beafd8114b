"""The frame of every page: navigation, theme, and the module that fills it.

To add a page: one entry in ``PAGES``, and the ES module ``components/<module>.js``, which exports
``start(main, frame)``: ``main`` is the empty element to fill; ``frame`` tells ``mayChange``, and
gives ``on(topic, function)`` to hear of changes (see ``components/frame.js``).
"""

from dataclasses import dataclass
from html import escape

from cryobatch.web.modules import find_modules


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Args:
        path: Its address.
        title: Its name in the navigation.
        module: The ES module that fills it.
        key: Opens it, after ``g``.
        listed: Whether it stands in the navigation.
    """

    path: str
    title: str
    module: str
    key: str
    listed: bool = True


PAGES = (
    Page("/", "Session", "session", "s"),
    Page("/import", "Import", "import", "w"),
    Page("/library", "Library", "library", "i"),
    Page("/image", "Image", "image", "v", listed=False),
    Page("/map", "Map", "map", "m"),
    Page("/queue", "Queue", "queue", "q"),
    Page("/processors", "Processors", "processors", "p"),
    Page("/log", "Log", "log", "l"),
    Page("/failures", "Failures", "failures", "f"),
    Page("/settings", "Settings", "settings", "e"),
    Page("/control", "Control room", "control", "c"),
    Page("/api/docs", "API", "docs", "a", listed=False),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a page is told when it is opened.

    Args:
        project: The project's name.
        nonce: Allows the styles that a library adds.
        may_change: Whether this browser may change anything.
        event_id: Id of the last event so far: none after it is missed.
    """

    project: str
    nonce: str
    may_change: bool
    event_id: str


_HTML = """<!doctype html>
<html lang="en" data-theme="dark">
<head>
<meta charset="utf-8">
<title>{title} · {project}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<link rel="icon" href="/components/icon.svg">
<link rel="stylesheet" href="/components/style.css">
<link rel="stylesheet" href="/components/images.css">
<link rel="stylesheet" href="/components/import.css">
<link rel="stylesheet" href="/components/library.css">
<link rel="stylesheet" href="/components/map.css">
<link rel="stylesheet" href="/components/work.css">
<script src="/components/theme.js"></script>
<script type="module" src="/components/frame.js"></script>
{preloads}
</head>
<body data-module="{module}" data-nonce="{nonce}" data-event="{event}" data-right="{right}">
<a class="skip" href="#main">Skip to the page</a>
<header>
<a class="brand" href="/" title="cryobatch"><img src="/components/icon.svg" alt="" width="22"
height="22"><span>{project}</span></a>
<nav aria-label="Pages">{links}</nav>
<span id="pulse" role="status" aria-live="polite"></span>
<button id="help" class="quiet" title="Keys (?)" aria-label="Keys">?</button>
<button id="theme" class="quiet" title="Dark or light" aria-label="Dark or light">◐</button>
</header>
<main id="main" tabindex="-1"><noscript>This page needs JavaScript.</noscript></main>
<div id="toasts" role="status" aria-live="polite"></div>
</body>
</html>
"""


def draw(page: Page, frame: Frame) -> str:
    """Return a page's HTML."""
    return _HTML.format(
        title=escape(page.title),
        project=escape(frame.project),
        module=page.module,
        nonce=frame.nonce,
        event=escape(frame.event_id),
        right="change" if frame.may_change else "see",
        preloads="\n".join(
            f'<link rel="modulepreload" href="{address}">' for address in find_modules(page.module)
        ),
        links="".join(_draw_link(one, page) for one in PAGES if one.listed or one == page),
    )


def _draw_link(page: Page, current: Page) -> str:
    here = ' aria-current="page"' if page == current else ""
    return f'<a href="{page.path}" data-key="{page.key}"{here}>{escape(page.title)}</a>'
