"""Renewal: images whose metadata came after them get the facts that these tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cryobatch.importing import Recording
from cryobatch.model.image import Fact, FactValue, ImageRecord
from cryobatch.project.images import Images
from cryobatch.project.optics import Optics
from cryobatch.project.registration import Registrar
from cryobatch.project.selection import Selection
from cryobatch.store import library
from cryobatch.store.neighbours import undated_images

_OPTION = "option --"


@dataclass(frozen=True, slots=True)
class Renewal:
    """Brings what metadata tell now into images that are there already.

    Args:
        registrar: Gathers facts.
        images: The project's images.
    """

    registrar: Registrar
    images: Images

    def renew(self, recordings: Sequence[Recording]) -> list[int]:
        """Give images the facts of metadata that they were imported without.

        Only images are looked at of which it is not known when they were recorded: all metadata
        tell that. What was given as an option, or corrected by a person, stays.

        Args:
            recordings: As they are found now.

        Returns:
            Ids of the images that have changed; results that depend on that are stale.
        """
        told = {item.source_id: item for item in recordings if item.recorded_at is not None}
        with self.images.database.reading() as r:
            known = library.find_by_source(r, list(told))
            undated = undated_images(r, list(known.values()))
        late = {one: told[source] for source, one in known.items() if one in undated}
        if not late:
            return []

        def change(record: ImageRecord) -> ImageRecord:
            return self._add_facts(record, late[record.image.id])

        changed = self.images.update(Selection(images=tuple(late)), change)
        records = [self.images.record(one) for one in changed]
        with self.images.database.transaction() as t:
            library.register(t, [record.image for record in records])  # the time is a column there
        optics = Optics(self.registrar.place, self.registrar.database)
        optics.catch_up({record.image.id: record.acquisition for record in records})
        return changed

    def _add_facts(self, record: ImageRecord, recording: Recording) -> ImageRecord:
        facts = self.registrar.gather_facts(recording, _given(record.acquisition))
        return replace(
            record,
            image=replace(record.image, recorded_at=recording.recorded_at),
            acquisition={**record.acquisition, **facts},
        )


def _given(facts: Mapping[str, Fact]) -> dict[str, FactValue]:
    """Return what was given as options when an image was imported."""
    return {name: fact.value for name, fact in facts.items() if fact.source.startswith(_OPTION)}
