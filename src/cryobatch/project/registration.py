"""Registration: found recordings become images, with folder, parameter file and library row."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryobatch.errors import CryobatchError
from cryobatch.formats import group_file
from cryobatch.importing import (
    Pace,
    Recording,
    Refused,
    Take,
    make_unique,
    merge_facts,
    name_source,
    option_facts,
    remove_source,
    take_recording,
)
from cryobatch.importing.optics.optics_groups import OPTICS_GROUP
from cryobatch.model.batch import ParameterSet
from cryobatch.model.image import Fact, FactValue, ImageIdentity, ImageRecord
from cryobatch.model.position import position_of
from cryobatch.model.settings import ProjectSettings, SiteSettings
from cryobatch.processing.currency import fingerprint_file
from cryobatch.processing.image_folder import PARAMETER_FILE, read_record, write_record
from cryobatch.project.gain_contents import CONTENTS
from cryobatch.project.import_guard import complete_facts
from cryobatch.project.optics import Optics
from cryobatch.project.place import ProjectPlace
from cryobatch.project.progress import Done
from cryobatch.project.site import calibrate
from cryobatch.store import library, positions
from cryobatch.store.database import Database
from cryobatch.store.settings import get_setting

CHUNK = 100
"""Recordings registered in one transaction, and so the most that a kill makes us do again."""
USUAL_AMPLITUDE_CONTRAST = 0.1


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of an import.

    Args:
        images: Ids of the new images, in the order of their recordings.
        known: Recordings that were images already.
        refused: Files that could not be used, with the reason.
        ignored: Files in folders that are no recordings.
        batches: Ids of their batches.
        remarks: What a person should know.
        placed: Images of all recordings that have one, new or known, by the recordings' paths.
    """

    images: tuple[int, ...] = ()
    known: int = 0
    refused: tuple[Refused, ...] = ()
    ignored: int = 0
    batches: tuple[int, ...] = ()
    remarks: tuple[str, ...] = field(default_factory=tuple)
    placed: Mapping[Path, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Registrar:
    """Registers recordings in one project.

    Args:
        place: Where its folders are.
        database: Its library.
        settings: What holds for it.
        site: What holds for the site.
    """

    place: ProjectPlace
    database: Database
    settings: ProjectSettings
    site: SiteSettings

    def gather_facts(
        self, recording: Recording, options: Mapping[str, FactValue]
    ) -> dict[str, Fact]:
        """Return all facts of a recording, each from the most certain source that has it.

        A gain reference that lies near it is added, and what is doubtful.
        """
        layers = self.gather_layers(recording, options)
        merged = merge_facts(*layers, frames=recording.frames)
        return complete_facts(recording, merged, self.site, self._earlier_gains)

    def _earlier_gains(self) -> list[Path]:
        with self.database.reading() as r:
            return [Path(name) for name in get_setting(r, CONTENTS, {})]

    def gather_layers(
        self, recording: Recording, options: Mapping[str, FactValue]
    ) -> list[Mapping[str, Fact]]:
        """Return what each source says of a recording, the most certain first.

        What a person says comes first (options, then the project's settings), then what the site
        has measured, then what the recording itself says, then what is usual.
        """
        usual = {"amplitude_contrast": USUAL_AMPLITUDE_CONTRAST}
        return [
            option_facts(options),
            name_source(self.settings.acquisition, "project.toml"),
            name_source(calibrate(self.site, recording.facts), "site.toml, calibrated"),
            recording.facts,
            name_source(self.site.acquisition, "site.toml"),
            name_source(usual, "the field's usual value"),
        ]

    def find_new(self, recordings: Sequence[Recording]) -> list[Recording]:
        """Return the recordings that are no images yet, each once."""
        with self.database.reading() as r:
            known = library.find_by_source(r, [item.source_id for item in recordings])
        new: dict[str, Recording] = {}
        for item in recordings:
            if item.source_id not in known:
                new.setdefault(item.source_id, item)
        return list(new.values())

    def register(
        self,
        recordings: Sequence[Recording],
        facts: Mapping[str, Mapping[str, Fact]],
        parameters: ParameterSet,
        take: Take,
        done: Done,
        pace: Pace | None = None,
    ) -> Iterator[tuple[list[int], list[Refused]]]:
        """Make images of new recordings, a chunk at a time.

        Args:
            recordings: They are no images yet.
            facts: Their facts, by source id.
            parameters: What holds for each of the new images.
            take: How they become root products.
            done: Is told of the progress.
            pace: Slows copying down; None: as fast as may be.

        Yields:
            Ids of the new images, and what could not be taken.
        """
        for start in range(0, len(recordings), CHUNK):
            chunk = recordings[start : start + CHUNK]
            yield self._register_chunk(chunk, facts, parameters, take, pace)
            done(min(start + CHUNK, len(recordings)), len(recordings))

    def _register_chunk(
        self,
        chunk: Sequence[Recording],
        facts: Mapping[str, Mapping[str, Fact]],
        parameters: ParameterSet,
        take: Take,
        pace: Pace | None,
    ) -> tuple[list[int], list[Refused]]:
        optics = Optics(self.place, self.database)
        optics.recall()
        with self.database.transaction() as t:
            numbers = library.reserve_image_ids(t, len(chunk))
            own = {one: facts[r.source_id] for one, r in zip(numbers, chunk, strict=True)}
            groups = optics.assign(t, own)
        records: list[tuple[Recording, ImageRecord]] = []
        refused: list[Refused] = []
        for number, recording in zip(numbers, chunk, strict=True):
            known = {**own[number], **_optics_group(groups.pop(number, None))}
            try:
                record = self._make_folder(recording, number, known, parameters, take, pace)
            except (CryobatchError, OSError) as error:
                refused.append(Refused(recording.path, str(error)))
            else:
                records.append((recording, record))
        with self.database.transaction() as t:
            library.register(t, [record.image for _, record in records])
            positions.put(t, {record.image.id: position_of(record) for _, record in records})
        optics.complete(groups)
        if take is Take.MOVE:
            moved = [(item.path, record) for item, record in records]
            refused += self._remove_sources(moved, pace)
        return [record.image.id for _, record in records], refused

    def _make_folder(
        self,
        recording: Recording,
        number: int,
        facts: Mapping[str, Fact],
        parameters: ParameterSet,
        take: Take,
        pace: Pace | None,
    ) -> ImageRecord:
        name, left = self._choose_name(recording)
        if left is not None:
            return left  # a killed import had made it and not registered it
        folder = self.place.image_folder(recording.group, name)
        folder.mkdir(parents=True, exist_ok=True)
        root_file = take_recording(recording.path, folder, take, pace)
        identity = ImageIdentity(
            id=number,
            name=name,
            group=recording.group,
            root_product=recording.root_product,
            root_file=root_file,
            source=str(recording.path),
            source_id=recording.source_id,
            rows=recording.rows,
            columns=recording.columns,
            frames=recording.frames,
            imported_at=datetime.now(UTC).isoformat("T", "milliseconds"),
            recorded_at=recording.recorded_at,
            root_fingerprint=fingerprint_file(folder / root_file),
        )
        record = ImageRecord(identity, acquisition=facts, parameters=parameters)
        write_record(folder, record)
        return record

    def _choose_name(self, recording: Recording) -> tuple[str, ImageRecord | None]:
        """Return a free name in the group, or the record that is there for this recording."""
        group = self.place.images / recording.group
        taken = {group_file.FILE_NAME}
        while True:
            name = make_unique(recording.name, taken)
            folder = group / name
            if not (folder / PARAMETER_FILE).exists():
                return name, None
            present = read_record(folder)
            if present.image.source_id == recording.source_id:
                return name, present
            if self._is_forgotten(present, recording):
                shutil.rmtree(folder)
                return name, None
            taken.add(name)

    def _is_forgotten(self, present: ImageRecord, recording: Recording) -> bool:
        """Tell whether a killed import had made this for a recording that was then rewritten."""
        image = present.image
        if present.runs or image.source != str(recording.path):
            return False
        with self.database.reading() as r:
            return not library.taken_names(r, image.group, [image.name])

    def finish_moves(self, known: Mapping[Path, int], pace: Pace | None = None) -> list[Refused]:
        """Delete sources that a killed import had copied and registered, and not deleted.

        Args:
            known: Images by the paths of recordings that shall be moved.
            pace: Says when to stop.

        Returns:
            Sources that could not be deleted, with the reason.
        """
        left: list[tuple[Path, ImageRecord]] = []
        refused: list[Refused] = []
        with self.database.reading() as r:
            places = library.places(r, known.values())
        for path, image_id in known.items():
            try:
                record = read_record(self.place.image_folder(*places[image_id]))
            except CryobatchError as error:
                refused.append(Refused(path, str(error)))
                continue
            moved = not Path(record.image.root_file).is_absolute()
            if moved and record.image.source == str(path) and path.exists():
                left.append((path, record))
        return [*refused, *self._remove_sources(left, pace)]

    def _remove_sources(
        self, records: Iterable[tuple[Path, ImageRecord]], pace: Pace | None
    ) -> list[Refused]:
        refused = []
        for path, record in records:
            folder = self.place.image_folder(record.image.group, record.image.name)
            try:
                remove_source(path, folder / record.image.root_file, pace)
            except (CryobatchError, OSError) as error:
                refused.append(Refused(path, str(error)))
        return refused


def _optics_group(group: Fact | None) -> dict[str, Fact]:
    return {} if group is None else {OPTICS_GROUP: group}
