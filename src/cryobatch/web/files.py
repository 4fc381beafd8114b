"""Files that pages load: our own modules, and libraries of others; named, never looked for."""

import gzip
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from cryobatch.web.vendor import find_files

COMPONENTS = Path(__file__).parent / "components"
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def make_router() -> APIRouter:
    """Return the routes; which files there are is fixed when it is made."""
    router = APIRouter(include_in_schema=False)
    ours = {p.name: p for p in sorted(COMPONENTS.iterdir()) if p.suffix in _TYPES}
    libraries = find_files()

    @router.get("/components/{name}")
    def component(request: Request, name: str) -> Response:
        return _send(request, ours.get(name))

    @router.get("/libraries/{name}")
    def library(request: Request, name: str) -> Response:
        return _send(request, libraries.get(name))

    return router


def _send(request: Request, path: Path | None) -> Response:
    if path is None:
        return JSONResponse({"error": "there is no such file"}, 404)
    packed, mark = _pack(path, path.stat().st_mtime_ns)
    headers = {"ETag": mark, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(packed, media_type=_TYPES[path.suffix], headers=headers)
    return Response(path.read_bytes(), media_type=_TYPES[path.suffix], headers=headers)


@lru_cache(maxsize=64)
def _pack(path: Path, _modified_ns: int) -> tuple[bytes, str]:
    """Return a file packed, with a mark of its content; done once a version."""
    content = path.read_bytes()
    return gzip.compress(content, 6, mtime=0), f'"{blake2b(content, digest_size=8).hexdigest()}"'
