"""The metadata files of recordings: which there are, and what they say of each recording."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryobatch.errors import BadInput
from cryobatch.formats.epu import EpuExposure, read_epu
from cryobatch.formats.movie import recording_kind
from cryobatch.importing.facts import epu_facts, sensible_facts
from cryobatch.importing.layouts.epu_atlas import SESSION_FILE
from cryobatch.importing.layouts.epu_files import EpuFiles
from cryobatch.importing.layouts.epu_gain import gain_facts
from cryobatch.importing.layouts.layout import parse_exposure
from cryobatch.importing.layouts.mdoc_files import MdocFiles, Stated, series_name
from cryobatch.importing.layouts.serialem import frames_stated, section_facts
from cryobatch.model.image import Fact, FactValue

METADATA_ENDINGS = (".xml", ".mdoc")


@dataclass(frozen=True, slots=True)
class Account:
    """What the metadata files say of one recording.

    Args:
        xml: EPU's XML, None where there is none.
        exposure: What it says, None where it cannot be read.
        frames: The mdoc of its frames.
        series: The mdoc of its tilt series.
        lacks: What should be there and is not, or is broken, in words; empty when nothing.
        broken: Why a file that is there cannot be used.
    """

    xml: Path | None = None
    exposure: EpuExposure | None = None
    frames: Stated | None = None
    series: Stated | None = None
    lacks: str = ""
    broken: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the files that were read."""
        stated = (item.path for item in (self.frames, self.series) if item is not None)
        return (*((self.xml,) if self.xml is not None else ()), *stated)

    @property
    def expected_frames(self) -> int | None:
        """Return how many frames the movie should have, None when nothing says so."""
        for item in (self.frames, self.series):
            if item is not None and (number := frames_stated(item.section)) is not None:
                return number
        return self.exposure.fractions if self.exposure is not None else None

    @property
    def recorded_at(self) -> str | None:
        """Return when it was recorded, ISO 8601, None when nothing says so."""
        if self.exposure is not None and self.exposure.recorded_at is not None:
            return self.exposure.recorded_at
        for item in (self.frames, self.series):
            if item is not None and (time := item.section.recorded_at) is not None:
                return time.isoformat()
        return None

    @property
    def series_name(self) -> str | None:
        """Return the name of its tilt series, None where it belongs to none."""
        return series_name(self.series.path) if self.series is not None else None


class Companions:
    """The metadata files of some folders; adding one costs no more than looking at its name.

    Movies and metadata may lie in different branches, or on different disks.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        """Begin with some files; what is no metadata is left alone."""
        self.epu = EpuFiles()
        self.mdocs = MdocFiles()
        for path in paths:
            self.add(path)

    def add(self, path: Path) -> None:
        """Take note of a file, also of one that is known."""
        ending = path.suffix.lower()
        if ending == ".xml":
            self.epu.add(path)
        elif ending == ".mdoc":
            self.mdocs.add(path)

    def discard(self, path: Path) -> None:
        """Forget a file that is gone, or that nobody will ask for again."""
        self.epu.discard(path)
        self.mdocs.discard(path)

    def account(self, recording: Path) -> Account:
        """Return what is known of a recording; only its own metadata files are read."""
        exposure = parse_exposure(recording.name)
        if exposure is not None:
            return self._epu_account(recording)
        return self._mdoc_account(recording) if self.mdocs else Account()

    def is_stack(self, recording: Path) -> bool:
        """Tell whether a file is the stack of a series or map, as its mdoc says, and no movie."""
        return self.mdocs.is_stack(recording)

    def expected_frames(self, recording: Path) -> int | None:
        """Return how many frames a movie should have in its file, None when nothing says so.

        An EER has more: its metadata count fractions, its file the camera's frames.
        """
        if recording_kind(recording.name) == "eer":
            return None
        return self.account(recording).expected_frames

    def _epu_account(self, recording: Path) -> Account:
        xml = self.epu.xml_of(recording)
        if xml is None:
            return Account(lacks="its XML is not there" if self.epu else "")
        try:
            return Account(xml, read_epu(xml))
        except BadInput as error:
            return Account(xml, lacks=f"{xml.name} cannot be read", broken=(str(error),))

    def _mdoc_account(self, recording: Path) -> Account:
        series = self.mdocs.series_of(recording)
        try:
            frames = self.mdocs.frames_of(recording)
        except BadInput as error:
            return Account(series=series, lacks="its mdoc cannot be read", broken=(str(error),))
        named = frames is not None or series is not None
        lacks = "no mdoc names it" if not named and self.mdocs.are_near(recording) else ""
        return Account(frames=frames, series=series, lacks=lacks)


def account_facts(
    account: Account, companions: Companions, recording: Path, rows: int, columns: int
) -> list[dict[str, Fact]]:
    """Return the facts that metadata files tell of a recording of this size, surest source first.

    EPU's XML comes first, then the mdoc of the frames, then that of the series.
    """
    layers: list[dict[str, Fact]] = []
    if account.xml is not None and account.exposure is not None:
        layers.append(epu_facts(account.exposure, columns, f"EPU XML {account.xml.name}"))
        positions = companions.epu.positions_of(recording, account.xml)
        layers.append(sensible_facts(positions, "EPU XML of grid square and hole"))
        session = gain_facts(account.xml, recording)
        layers.append(sensible_facts(session, f"EPU session {SESSION_FILE}"))
    for stated in (account.frames, account.series):
        if stated is not None:
            facts = section_facts(stated.mdoc, stated.section, rows, columns)
            layers.append(sensible_facts(facts | _view_facts(stated), f"mdoc {stated.path.name}"))
    if account.expected_frames is not None and recording_kind(recording.name) != "eer":
        expected: dict[str, FactValue] = {"frames_expected": account.expected_frames}
        layers.append(sensible_facts(expected, f"metadata {account.files[0].name}"))
    return layers


def _view_facts(stated: Stated) -> dict[str, FactValue]:
    if stated.view is None:
        return {}
    view = stated.view
    facts: dict[str, FactValue] = {"tilt_number": view.number}
    if view.frames_before is not None:
        facts["frames_before"] = view.frames_before
    if view.pre_exposure is not None:
        facts["pre_exposure"] = view.pre_exposure
    return facts
