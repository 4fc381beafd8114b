"""The application: API, pages and files of ours behind one gate."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from cryobatch import __version__
from cryobatch.project import Project
from cryobatch.project.pulse import Pulse
from cryobatch.store.log_texts import LogTexts
from cryobatch.web import files, pages
from cryobatch.web.api import PREFIX, make_api
from cryobatch.web.api.answers import explain_errors
from cryobatch.web.auth import Access
from cryobatch.web.gate import Gate
from cryobatch.web.hub import Hub


def make_app(project: Project, access: Access, *, local_only: bool = True) -> ASGIApp:
    """Return the application (ASGI).

    Args:
        project: The project, open as long as the application runs.
        access: Who may see and change it.
        local_only: Whether it is reached by the names of this machine only.
    """
    pulse = Pulse(project.place)
    hub = Hub(pulse.look)
    texts = LogTexts(project.database, project.place.log_texts)

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        pulse.look()  # from now on changes are numbered
        texts.keep_up()
        yield
        texts.close()
        hub.close()
        pulse.close()

    app = FastAPI(
        title="cryobatch", version=__version__, docs_url=None, redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json", lifespan=live,
        description="Everything that the command line can do, for programs. Send the token as "
        "`Authorization: Bearer TOKEN`.",
    )  # fmt: skip
    explain_errors(app)
    app.include_router(make_api(project, hub, texts))
    app.include_router(files.make_router())
    app.include_router(pages.make_router(project, hub))
    return Gate(app, access, local_only)
