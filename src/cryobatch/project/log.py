"""The log of a project: what every processor did to every image, and when."""

import time
from dataclasses import dataclass, replace

from cryobatch.model.event import Level, LogEntry
from cryobatch.store import log
from cryobatch.store.database import Database
from cryobatch.store.log import EVERYTHING, LogFilter, LogRow, PageKey
from cryobatch.store.log_texts import LogTexts


@dataclass(frozen=True, slots=True)
class ProjectLog:
    """The log of a project.

    Args:
        database: The project's database.
        texts: Finds texts in it at once; None: by going through the rows.
    """

    database: Database
    texts: LogTexts | None = None

    def page(
        self,
        *,
        sort: str = "time",
        descending: bool = True,
        limit: int = 50,
        after: PageKey | None = None,
        offset: int = 0,
        only: LogFilter = EVERYTHING,
    ) -> list[LogRow]:
        """Return one page."""
        only = self.narrow(only)
        with self.database.reading() as r:
            return log.page(
                r, sort=sort, descending=descending, limit=limit, after=after, offset=offset,
                only=only,
            )  # fmt: skip

    def narrow(self, only: LogFilter) -> LogFilter:
        """Return a filter with the rows that its text may be in, where these can be told."""
        if self.texts is None or only.text is None or only.ids is not None:
            return only
        return replace(only, ids=self.texts.find(only.text))

    def count(self, only: LogFilter = EVERYTHING) -> int:
        """Return how many rows are wanted."""
        only = self.narrow(only)
        with self.database.reading() as r:
            return log.count(r, only=only)

    def since(self, last_id: int, only: LogFilter = EVERYTHING) -> list[LogRow]:
        """Return the rows that were added after one, oldest first."""
        with self.database.reading() as r:
            return log.since(r, last_id, only=only)

    def last_id(self) -> int:
        """Return the id of the newest row, 0 when there is none."""
        with self.database.reading() as r:
            return log.last_id(r)

    def write(self, text: str, level: Level = Level.INFO) -> None:
        """Add a row that is about no image."""
        with self.database.transaction() as t:
            log.append(t, [LogEntry(time.time(), text, level)])
