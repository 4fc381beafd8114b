"""Words between the daemon and its processors, as bytes: JSON."""

import json

import orjson

from cryobatch.processing.processors import Message


def write_order(message: Message) -> bytes:
    """Return what the daemon says; parameters may be infinite, for which JSON has no word."""
    return json.dumps(message).encode()


def write_report(message: Message) -> bytes:
    """Return what a processor says; all its numbers are finite."""
    try:
        return orjson.dumps(message)
    except TypeError:
        # A file's name may hold bytes that are no text: UTF-8 cannot carry them, escapes can.
        return json.dumps(message).encode()


def read_words(data: bytes) -> Message:
    """Return the message that was written."""
    try:
        found: Message = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = json.loads(data)
    return found
