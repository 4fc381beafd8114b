"""Answers: JSON made and packed in the thread of its handler, and errors in words."""

import gzip
from typing import Annotated

import orjson
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from cryobatch.errors import ConflictError, CryobatchError, ProjectError

PACKED_FROM_BYTES = 2_000
LARGEST_ID = 2**53 - 1
"""The largest whole number that a browser can tell from its neighbours."""

Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Ids = Annotated[list[Id], Field(max_length=200_000)]
Words = Annotated[str, Query(max_length=500)]
"""A short text of a person."""


def answer(request: Request, value: object) -> Response:
    """Return a value as JSON, packed with gzip where that is worth it and understood.

    Arrays of numbers are lists there, NaN is null. To be called in a handler's thread: packing a
    large table takes a tenth of a second.
    """
    body = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)
    headers = {"Vary": "Accept-Encoding"}
    if len(body) >= PACKED_FROM_BYTES and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, compresslevel=1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)


def explain_errors(app: FastAPI) -> None:
    """Let every error of ours reach the caller as ``{"error": text}``."""

    @app.exception_handler(CryobatchError)
    def tell(_: Request, error: CryobatchError) -> Response:
        return JSONResponse({"error": str(error)}, _status(error))

    @app.exception_handler(RequestValidationError)
    def tell_invalid(_: Request, error: RequestValidationError) -> Response:
        texts = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        return JSONResponse({"error": "; ".join(texts[:10])}, 422)


def _status(error: CryobatchError) -> int:
    if isinstance(error, ConflictError):
        return 409
    return 503 if isinstance(error, ProjectError) else 400
