"""The facade of a project: opens all of its parts and wires them together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from cryobatch.errors import ProjectError, SettingsError, UsageError
from cryobatch.formats.group_file import GroupRecord
from cryobatch.formats.settings_file import read_project_settings
from cryobatch.importing import Found, Pace, Take, find_recordings
from cryobatch.importing.layouts.pattern import NamePattern, parse_pattern
from cryobatch.model.batch import ParameterSet
from cryobatch.model.image import FactValue, ImageRecord
from cryobatch.model.parameter import ParameterValue
from cryobatch.model.resolution import parse_assignments
from cryobatch.model.settings import ProjectSettings, SiteSettings
from cryobatch.processing.catalog import Catalog, discover
from cryobatch.processing.currency import FileDigests, Surroundings
from cryobatch.processing.image_folder import PARAMETER_FILE
from cryobatch.project import creation
from cryobatch.project.central.copies import CentralCopy
from cryobatch.project.correction import correct_facts
from cryobatch.project.doorbell import ring
from cryobatch.project.exporting import Exporter
from cryobatch.project.images import Images
from cryobatch.project.intake import Intake
from cryobatch.project.log import ProjectLog
from cryobatch.project.moving import finish_moves
from cryobatch.project.parameter_faults import (
    ImageFault,
    ParameterFault,
    check_site,
    find_faults,
    find_image_faults,
)
from cryobatch.project.place import ProjectPlace, find_place
from cryobatch.project.progress import Done, tell_nobody
from cryobatch.project.queueing import Queue
from cryobatch.project.registration import ImportReport, Registrar
from cryobatch.project.selection import Selection
from cryobatch.project.selections import Selections
from cryobatch.project.site import join_processors, load_site, site_file, user_configuration
from cryobatch.project.stamps import sign_surroundings, stamp_files
from cryobatch.project.submission import (
    Choice,
    Planner,
    SubmissionReport,
    submit_images,
    submit_stale,
)
from cryobatch.project.watching import Watching
from cryobatch.project.workforce import Workforce
from cryobatch.store import library
from cryobatch.store.database import Database
from cryobatch.store.settings import get_setting, put_setting

SURROUNDINGS = "surroundings"
"""Names, in the database, the scripts and settings that the library's stale marks are true of."""


class Project:
    """A project: its settings, scripts, images, queue, processors and log.

    Args:
        place: Where its parts are.
        settings: What holds for it.
        site: What holds for all projects here.
        database: Library, queue and log.
    """

    def __init__(
        self, place: ProjectPlace, settings: ProjectSettings, site: SiteSettings, database: Database
    ) -> None:
        """Take the parts that ``open`` has found."""
        self.place = place
        self.settings = settings
        self.site = site
        self.database = database
        self.queue = Queue(database, place)
        self.images = Images(database, place, self._surroundings, self.value_names)
        self._digests = FileDigests(place.folder)

    @classmethod
    def create(
        cls,
        folder: str | Path,
        *,
        name: str | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> "Project":
        """Make a new project.

        Args:
            folder: Its folder; made if it is not there.
            name: What a person calls it; None: the folder's name.
            facts: Acquisition facts that hold for all its recordings.
        """
        creation.create_project(Path(folder), name, facts or {}, load_site())
        project = cls.open(folder)
        project.note_checked()
        return project

    @classmethod
    def open(cls, folder: str | Path) -> "Project":
        """Open the project that a folder is in.

        Raises:
            ProjectError: There is none, or it cannot be used from here; the text says why.
        """
        root = creation.find_project(Path(folder))
        settings = read_project_settings(root / creation.SETTINGS_FILE)
        place = find_place(root, settings)
        if not place.database.exists():
            raise ProjectError(
                f"{place.database}: the library is gone; 'cryobatch doctor --rebuild' builds it "
                "again from the images' parameter files"
            )
        database = Database(place.database)
        finish_moves(place, database)
        project = cls(place, settings, load_site(), database)
        project.images.finish_updates()
        return project

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def __enter__(self) -> "Project":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def catalog(self) -> Catalog:
        """Return all scripts that the project can use."""
        folders = [
            ("user", user_configuration() / "scripts"),
            ("project", self.place.scripts),
        ]
        return discover(folders, self.place.catalog_cache)

    @property
    def workforce(self) -> Workforce:
        """Return the project's processors."""
        settings = join_processors(self.settings.processors, self.site.processors)
        return Workforce(self.database, settings, self.place.doorbell)

    @property
    def planner(self) -> Planner:
        """Return what plans workflows for this project's images."""
        return Planner(self.catalog.scripts, self.settings, self.catalog.broken())

    def reload(self) -> None:
        """Read settings and scripts again."""
        settings = read_project_settings(self.place.settings)
        site = load_site()
        self.__dict__.pop("catalog", None)
        self.settings, self.site = settings, site

    def stamp(self) -> tuple[object, ...]:
        """Return what changes when somebody has changed settings or scripts."""
        folders = (self.place.scripts, user_configuration() / "scripts")
        return stamp_files((self.place.settings, site_file()), folders)

    def value_names(self) -> Sequence[str]:
        """Return the names of all values that scripts may calculate."""
        return sorted({name for s in self.catalog.scripts.values() for name in s.values})

    def submit(self, selection: Selection, choice: Choice) -> SubmissionReport:
        """Put batches of images into the queue.

        Raises:
            WorkflowError: The choice makes no workflow; the text says which scripts would help.
        """
        self._check_all_settings()
        submit = submit_stale if choice.stale else submit_images
        report = submit(self.planner, self.images, self.images.select(selection), choice)
        ring(self.place.doorbell)
        return report

    def import_recordings(
        self,
        paths: Iterable[str | Path],
        *,
        facts: Mapping[str, object] | None = None,
        take: Take = Take.LINK,
        choice: Choice | None = None,
        submit: bool = True,
        done: Done = tell_nobody,
        names: str | None = None,
        skip: Callable[[Path], bool] | None = None,
        patient: bool = False,
    ) -> ImportReport:
        """Register the recordings in folders and files as images, and submit them.

        The same recording again is not a new image, and files in a folder that are no recordings
        are counted, not complained about.

        Args:
            paths: Folders and files.
            facts: Acquisition facts that hold whatever the recordings say.
            take: Whether recordings are linked to, copied or moved.
            choice: What shall be done to the new images; None: the project's own workflow.
            submit: Whether anything shall be done.
            done: Is told of the progress.
            names: Reads facts and group from names, such as ``{grid}_{square}_*``; None: as the
                project's settings say.
            skip: Leaves files out before they are opened.
            patient: Whether recordings of which too little is known are refused one by one, and
                do not stop the others.

        Raises:
            MissingFactError: Something that the scripts must know is unknown, and we are not
                patient; the text names the options.
        """
        if submit:
            self._check_all_settings()
        pattern = self.read_pattern(names)
        found = find_recordings([Path(path) for path in paths], pattern=pattern, skip=skip)
        return self.take_in(
            found, facts=facts, take=take, choice=choice, submit=submit, done=done, patient=patient
        )

    def take_in(
        self,
        found: Found,
        *,
        facts: Mapping[str, object] | None = None,
        take: Take = Take.LINK,
        choice: Choice | None = None,
        submit: bool = True,
        done: Done = tell_nobody,
        patient: bool = False,
        pace: Pace | None = None,
    ) -> ImportReport:
        """Register recordings that were found, and submit them: as ``import_recordings``.

        Args:
            found: The recordings.
            pace: Slows copying down; None: as fast as may be.
        """
        intake = Intake(self.registrar, self.planner, self.images)
        options = creation.check_facts(facts or {}, self.site)
        report = intake.take_in(
            found, options, take, (choice or Choice()) if submit else None, done,
            patient=patient, pace=pace,
        )  # fmt: skip
        ring(self.place.doorbell)
        return report

    @property
    def watching(self) -> Watching:
        """Return the watched folders."""
        return Watching(self.database, self.place)

    @property
    def central_copy(self) -> CentralCopy:
        """Return the copies of the results in another place."""
        return CentralCopy(self.database, self.place, self.settings.copying, self.settings.id)

    @property
    def exporter(self) -> Exporter:
        """Return what writes images for other programs."""
        return Exporter(self.images, self.place)

    @property
    def selections(self) -> Selections:
        """Return the saved selections."""
        return Selections(self.images)

    @property
    def registrar(self) -> Registrar:
        """Return what registers recordings as images."""
        return Registrar(self.place, self.database, self.settings, self.site)

    def parse_parameters(self, texts: Iterable[str]) -> ParameterSet:
        """Read ``SCRIPT.PARAMETER=VALUE`` texts; files that are there as absolute paths."""
        scripts = self.catalog.scripts
        return {
            script: {
                name: _find_here(value)
                if scripts[script].parameters[name].kind == "file"
                else value
                for name, value in given.items()
            }
            for script, given in parse_assignments(texts, scripts).items()
        }

    def check_facts(self, facts: Mapping[str, object]) -> dict[str, FactValue]:
        """Return facts in their own types, files as absolute paths that are there."""
        return creation.check_facts(facts, self.site)

    def correct_facts(
        self, selection: Selection, facts: Mapping[str, object], *, done: Done = tell_nobody
    ) -> list[int]:
        """Correct acquisition facts of images; what used them becomes stale.

        Args:
            selection: Which images.
            facts: Facts by name.
            done: Is told of the progress.

        Returns:
            Ids of the images that have changed.
        """
        checked: dict[str, FactValue] = creation.check_facts(facts, self.site)
        if not checked:
            raise UsageError("name a fact and its value, such as pixel_size=1.05")
        return self.images.update(selection, correct_facts(checked), done=done)

    @property
    def log(self) -> ProjectLog:
        """Return the log."""
        return ProjectLog(self.database)

    def find_unchecked(self) -> Sequence[int]:
        """Return the images whose results may be stale for all that the library knows.

        None, unless scripts, parameters or groups' files have changed since ``note_checked``.
        """
        with self.database.reading() as r:
            if get_setting(r, SURROUNDINGS) == self._signature():
                return ()
            return library.with_results(r)

    def note_checked(self) -> None:
        """Note that the library knows what is stale, with scripts and settings as they are."""
        with self.database.transaction() as t:
            put_setting(t, SURROUNDINGS, self._signature())

    def _signature(self) -> str:
        layers = (self.site.parameters, self.settings.parameters)
        return sign_surroundings(self.catalog.scripts, layers, self.place.images)

    def scratch(self) -> Path:
        """Return the folder for transient products."""
        own = self.workforce.settings.scratch
        return Path(own) / self.settings.id if own else self.place.folder / ".scratch"

    def read_pattern(self, own: str | None = None) -> NamePattern | None:
        """Return what reads facts and groups from names, None where nothing says how.

        Args:
            own: A watched folder's own pattern; None: as the settings say.
        """
        if own is not None:
            return parse_pattern(own)
        text = self.settings.importing.pattern
        try:
            return parse_pattern(text) if text is not None else None
        except UsageError as error:
            raise SettingsError(f"{self.place.settings}: [import] {error}") from error

    def check_settings(self) -> None:
        """See that the project's settings mean something: else nobody would use them."""
        self.read_pattern()
        try:
            self.central_copy.target()
            self.catalog.check_parameters(self.settings.parameters)
        except UsageError as error:
            raise SettingsError(f"{self.place.settings}: {error}") from error

    def _check_all_settings(self) -> None:
        """See that the settings mean something, the project's and those above it."""
        self.check_settings()
        check_site(self.catalog, site_file(), self.site.parameters)

    def find_parameter_faults(self) -> Sequence[ParameterFault]:
        """Return what the files of site, project and groups say of scripts that is not so."""
        site = (site_file(), self.site.parameters)
        project = (self.place.settings, self.settings.parameters)
        return find_faults(self.catalog, site, project, self.place.images)

    def find_image_faults(self, record: ImageRecord) -> Sequence[ImageFault]:
        """Return what an image's own file says of scripts that is not so."""
        folder = self.place.image_folder(record.image.group, record.image.name)
        file = str((folder / PARAMETER_FILE).relative_to(self.place.folder))
        return find_image_faults(self.catalog, file, record.parameters)

    def _surroundings(self, group: GroupRecord) -> Surroundings:
        layers = (self.site.parameters, self.settings.parameters, group.parameters)
        return Surroundings(self.catalog.scripts, layers, self._digests, recording="")


def now_text() -> str:
    """Return the moment in ISO 8601."""
    return datetime.now(UTC).isoformat("T", "seconds")


def _find_here(name: ParameterValue) -> ParameterValue:
    """Return a file that a person named from where they stand; others are the project's."""
    here = Path(str(name)).expanduser()
    return str(here.resolve()) if here.is_file() else name
