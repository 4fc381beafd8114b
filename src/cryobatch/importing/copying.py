"""Copy a file so that it appears whole and verified, and go on where a kill had ended it."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cryobatch.errors import BadInput, ProjectError
from cryobatch.formats.atomic import sync_folder, write_bytes_durably
from cryobatch.formats.reading import reading
from cryobatch.importing.watching.settle import Look, look_at

BLOCK_BYTES = 64 << 20
"""A kill costs so much of a copy at most."""
CHUNK_BYTES = 4 << 20

Spend = Callable[[int], None]
"""Waits until so many bytes more may have been copied."""


@dataclass(slots=True)
class _Ledger:
    """What has been copied: digests of its blocks, kept in a file beside the copy.

    Args:
        path: The file.
        look: How the source looks; another look makes all blocks worthless.
        blocks: Digests of the blocks that are there.
    """

    path: Path
    look: Look
    blocks: list[str] = field(default_factory=list)

    def load(self) -> None:
        """Read what an earlier copy has left."""
        try:
            kept = json.loads(self.path.read_text())
            if tuple(kept["look"]) == self.look:
                self.blocks = [str(block) for block in kept["blocks"]]
        except (OSError, ValueError, KeyError, TypeError):
            self.blocks = []

    def add(self, digest: str) -> None:
        """Keep one more block."""
        self.blocks.append(digest)
        text = json.dumps({"look": self.look, "blocks": self.blocks})
        # After a power loss the blocks are compared with their digests: nothing has to be flushed.
        write_bytes_durably(self.path, text.encode(), fsync=False)


def copy_verified(source: Path, place: Path, *, spend: Spend | None = None) -> None:
    """Copy a file with its times; what was written is read back and compared.

    The source is read once: the digests of what was read are those that the copy must have.

    Args:
        source: The file.
        place: Becomes the copy in one step, at the end.
        spend: Is told of every piece, and slows us down.

    Raises:
        BadInput: The source cannot be read, or changed meanwhile.
        ProjectError: The copy cannot be written.
    """
    look = look_at(source)
    if look is None:
        with reading(source):
            source.open("rb").close()
        raise BadInput(f"{source}: is no plain file; copy it again from the microscope")
    beside = _beside(place)
    ledger = _Ledger(_ledger_path(place), look)
    try:
        _copy(source, beside, ledger, spend)
        if look_at(source) != look or _read_back(beside, spend) != ledger.blocks:
            raise BadInput(f"{source}: changed while it was copied, or the copy is not the same")
        shutil.copystat(source, beside)
        beside.replace(place)
        ledger.path.unlink(missing_ok=True)
        sync_folder(place.parent)
    except OSError as error:
        _give_up(beside, ledger)
        raise ProjectError(f"{place}: cannot be written: {error.strerror}") from error
    except BadInput:
        _give_up(beside, ledger)
        raise


def discard_copy(place: Path) -> None:
    """Remove what a copy that was stopped has left, where nobody will go on with it."""
    for path in (_beside(place), _ledger_path(place)):
        path.unlink(missing_ok=True)


def _beside(place: Path) -> Path:
    return place.with_name(f".{place.name[:40]}.new")


def _ledger_path(place: Path) -> Path:
    return place.with_name(f".{place.name[:40]}.copied")


def _give_up(beside: Path, ledger: _Ledger) -> None:
    """Leave nothing behind: only after a kill is there something to go on with."""
    beside.unlink(missing_ok=True)
    ledger.path.unlink(missing_ok=True)


def _copy(source: Path, beside: Path, ledger: _Ledger, spend: Spend | None) -> None:
    ledger.load()
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    with open(descriptor, "r+b", buffering=0) as out:  # noqa: PTH123 - a descriptor
        ledger.blocks = _verify(out, ledger.blocks, spend)
        done = min(len(ledger.blocks) * BLOCK_BYTES, ledger.look[0])
        out.truncate(done)
        out.seek(done)
        with reading(source):
            file = source.open("rb", buffering=0)
        with file:
            file.seek(done)
            # What is added meanwhile makes the copy worthless, and could go on for ever.
            for start in range(done, ledger.look[0], BLOCK_BYTES):
                count = min(BLOCK_BYTES, ledger.look[0] - start)
                ledger.add(_copy_block(source, file, out, count, spend))
        os.fsync(out.fileno())


def _copy_block(
    source: Path, file: BinaryIO, out: BinaryIO, count: int, spend: Spend | None
) -> str:
    """Copy so many bytes, or what there is of them; returns their digest."""
    digest = hashlib.sha256()
    while count:
        with reading(source):
            piece = file.read(min(CHUNK_BYTES, count))
        if not piece:
            break
        digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[out.write(view) :]
        count -= len(piece)
        if spend is not None:
            spend(len(piece))
    return digest.hexdigest()


def _verify(out: BinaryIO, blocks: list[str], spend: Spend | None) -> list[str]:
    """Return the digests of those first blocks that are there as they should be."""
    for number, digest in enumerate(blocks):
        if _digest_block(out, spend) != digest:
            return blocks[:number]
    return blocks


def _read_back(beside: Path, spend: Spend | None) -> list[str]:
    """Return the digests of what is on the disk, not of what memory still holds of it."""
    found = []
    with beside.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while digest := _digest_block(file, spend):
            found.append(digest)
    return found


def _digest_block(file: BinaryIO, spend: Spend | None) -> str | None:
    digest = hashlib.sha256()
    left = BLOCK_BYTES
    while left and (piece := file.read(min(CHUNK_BYTES, left))):
        digest.update(piece)
        left -= len(piece)
        if spend is not None:
            spend(0)  # whoever wants to stop a copy need not wait for this
    return digest.hexdigest() if left < BLOCK_BYTES else None
