"""The gate: every request passes it, and nothing answers without a token."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cryobatch.web.auth import Access, Right, read_token

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
READING = frozenset({"GET", "HEAD"})
MAX_BODY_BYTES = 4_000_000
"""Half a million ids: more is asked for by an expression."""
NONCE = "style_nonce"
RIGHT = "right"

_ALWAYS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
_SIGN_IN = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>cryobatch</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots"
content="noindex"></head><body><main><h1>cryobatch</h1><p>{reason}</p>
<form method="get" action="/"><p><label>Token <input name="token" type="password" required
autocomplete="current-password"></label> <button>Open</button></p></form>
<p>The address with the token is what <code>cryobatch serve</code> prints at its start.</p>
</main></body></html>"""


@dataclass(frozen=True, slots=True)
class Gate:
    """Lets in whoever has a token, from our own pages or a program (an ASGI application).

    Args:
        app: What is behind it.
        access: The tokens.
        local_only: Whether only names of this machine may stand in ``Host``: a page of a stranger
            whose name leads here (DNS rebinding) is turned away.
    """

    app: ASGIApp
    access: Access
    local_only: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        nonce = secrets.token_urlsafe(16)
        headers = Headers(scope=scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), nonce)
            await send(message)

        refusal = self._refuse(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        right = self.access.right_of(_token_of(self.access, headers))
        scope["state"] = {**scope.get("state", {}), NONCE: nonce, RIGHT: right}
        await self.app(scope, receive, guarded)

    def _refuse(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the answer to what may not pass, None for what may."""
        if self.local_only and _host_name(headers.get("host", "")) not in LOOPBACK_NAMES:
            return _say(421, "this server is known by the names of its own machine only")
        if not _is_ours(scope, headers):
            return _say(403, "the request comes from a page of somebody else")
        if scope["method"] in READING and scope["path"] == "/":
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token")
            if given is not None:
                return self._sign_in(scope, given[-1])
        right = self.access.right_of(_token_of(self.access, headers))
        if right is Right.NOTHING:
            return _ask(scope, headers, "This project is open to those who have its token.")
        if scope["method"] not in READING:
            return _refuse_change(headers, right)
        return None

    def _sign_in(self, scope: Scope, token: str) -> Response:
        if self.access.right_of(token) is Right.NOTHING:
            return _ask(scope, None, "That token is not one of this project.")
        query = parse_qs(scope["query_string"].decode("latin-1"))
        left = urlencode({name: all_[-1] for name, all_ in query.items() if name != "token"})
        answer = RedirectResponse("/" + (f"?{left}" if left else ""), 303)
        secure = scope["scheme"] == "https"
        answer.headers["Set-Cookie"] = self.access.set_cookie(token, secure=secure)
        return answer


def _refuse_change(headers: Headers, right: Right) -> Response | None:
    if right is not Right.CHANGE:
        return _say(403, "this token may look, but change nothing")
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        return _say(413, f"a request has at most {MAX_BODY_BYTES} bytes, and says how many")
    kind = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        return _say(415, "send JSON")
    # A form on a stranger's page sends our cookie where a browser knows no SameSite.
    if "authorization" not in headers and not _names_itself(headers):
        return _say(403, "the request does not say that it comes from our own page")
    return None


def _token_of(access: Access, headers: Headers) -> str | None:
    return read_token(access, headers.get("authorization"), headers.get("cookie"))


def _is_ours(scope: Scope, headers: Headers) -> bool:
    """Tell whether a request comes from our own pages, or from no page at all."""
    origin = headers.get("origin")
    if origin is not None:
        return origin == f"{scope['scheme']}://{headers.get('host', '')}"
    site = headers.get("sec-fetch-site", "none")
    return site in {"same-origin", "none"} or headers.get("sec-fetch-mode") == "navigate"


def _names_itself(headers: Headers) -> bool:
    return "origin" in headers or headers.get("sec-fetch-site") == "same-origin"


def _host_name(host: str) -> str:
    """Return a ``Host`` header's name without its port.

    >>> _host_name("localhost:8000"), _host_name("[::1]:8000")
    ('localhost', '::1')
    """
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _say(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


def _ask(scope: Scope, headers: Headers | None, text: str) -> Response:
    """Ask a person for the token; a program gets the same as JSON."""
    wants_page = headers is None or "text/html" in headers.get("accept", "")
    if scope["method"] in READING and wants_page:
        return HTMLResponse(_SIGN_IN.format(reason=escape(text)), 401)
    answer = _say(401, "a token is missing or wrong: send 'Authorization: Bearer TOKEN'")
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _add_headers(headers: MutableHeaders, nonce: str) -> None:
    for name, value in _ALWAYS.items():
        headers[name] = value
    headers.setdefault("Cache-Control", "no-store")
    headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
        f"font-src 'self' data:; style-src 'self' 'nonce-{nonce}'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'; manifest-src 'self'"
    )
