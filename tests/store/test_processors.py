"""Everybody sees what the processors do, and can ask for the end of one."""

from cryobatch.store import processors
from cryobatch.store.database import Database
from cryobatch.store.processors import ProcessorRow
from tests.store.store_images import MakeImages


def test_the_newest_rows_replace_the_old_ones(database: Database, images: MakeImages) -> None:
    """Processors that are gone are not shown, the others as they are now."""
    images(1)
    busy = ProcessorRow("local-1", "busy", 2.0, 5, 1, "unpack", 0.5, "host", 77)
    with database.transaction() as t:
        idle = [ProcessorRow(f"local-{n}", "idle", 1.0) for n in (1, 2, 10)]
        processors.show(t, idle)
        assert [row.id for row in processors.listing(t)] == ["local-1", "local-2", "local-10"]
        processors.show(t, [busy])
        (row,) = processors.listing(t)
    assert row == ProcessorRow("local-1", "busy", 2.0, 5, 1, "unpack", 0.5, "host", 77, "image_1")


def test_a_wish_to_end_one_stays_until_it_is_fulfilled(database: Database) -> None:
    """Showing a new state does not forget the wish; unknown names are told."""
    with database.transaction() as t:
        processors.show(t, [ProcessorRow("local-1", "idle", 1.0)])
        assert processors.request_kill(t, ["local-1", "local-9"]) == ("local-9",)
        processors.show(t, [ProcessorRow("local-1", "busy", 2.0)])
        assert processors.kill_requests(t) == ("local-1",)
        processors.forget_kills(t, ["local-1"])
        assert processors.kill_requests(t) == ()
