"""The intake: found recordings are registered and submitted, chunk by chunk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryobatch.errors import MissingFactError, WorkflowError
from cryobatch.importing import Found, Pace, Recording, Refused, Take
from cryobatch.model.batch import ParameterSet
from cryobatch.model.image import Fact, FactValue
from cryobatch.model.workflow import Workflow
from cryobatch.project.guards import note_gains
from cryobatch.project.images import Images
from cryobatch.project.import_guard import remark_on
from cryobatch.project.missing_facts import ask_for, find_missing_facts, needed_facts
from cryobatch.project.positions import note_overviews
from cryobatch.project.progress import Done
from cryobatch.project.registration import ImportReport, Registrar
from cryobatch.project.relocation import relocate
from cryobatch.project.renewal import Renewal
from cryobatch.project.scrutiny import Scrutiny
from cryobatch.project.submission import Choice, Planner, submit_images
from cryobatch.store import library, queue


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes recordings into one project.

    Args:
        registrar: Registers recordings.
        planner: Plans workflows.
        images: The project's images.
    """

    registrar: Registrar
    planner: Planner
    images: Images

    def take_in(
        self,
        found: Found,
        options: Mapping[str, FactValue],
        take: Take,
        choice: Choice | None,
        done: Done,
        *,
        patient: bool = False,
        pace: Pace | None = None,
    ) -> ImportReport:
        """Register what is new, and submit it.

        Args:
            found: What an import has found.
            options: Facts that hold whatever the recordings say.
            take: Whether recordings are linked to, copied or moved.
            choice: What shall be done to the new images, and the parameters that hold for them;
                None: nothing.
            done: Is told of the progress.
            patient: Whether recordings of which too little is known are refused one by one, to be
                tried again, and do not stop the others.
            pace: Slows copying down; None: as fast as may be.

        Raises:
            MissingFactError: Something that the scripts must know is unknown, and we are not
                patient.
        """
        scrutiny = Scrutiny(self.images.database)
        new = scrutiny.compare_frames(self.registrar.find_new(found.recordings))
        facts = {item.source_id: self.registrar.gather_facts(item, options) for item in new}
        refused = list(found.refused)
        if choice is not None:
            plans, impossible = self._plan(new, choice)
            refused += [
                Refused(i.path, why) for i in new if (why := impossible.get(i.root_product))
            ]
            new = [item for item in new if item.root_product in plans]
            unknown = self._find_unknown(new, facts, choice, plans)
            if unknown and not patient:
                words = [ask_for(name, lacking) for name, lacking in sorted(unknown.items())]
                raise MissingFactError("\n".join(words))
            waiting = {item.path: item for lacking in unknown.values() for item in lacking}
            new = [item for item in new if item.path not in waiting]
            refused += [
                Refused(item.path, ask_for(name, [item]))
                for name, lacking in sorted(unknown.items())
                for item in lacking
            ]
        layers = {i.source_id: self.registrar.gather_layers(i, options) for i in new}
        remarks = scrutiny.find_remarks(new, layers, once=patient)
        new_facts = [facts[item.source_id] for item in new]
        remarks += remark_on(self.images.database, new_facts, once=patient)
        remarks += note_gains(self.images, new_facts)
        images: list[int] = []
        batches: list[int] = []
        parameters: ParameterSet = {}
        if choice is not None:
            # Kept with the images, so that they hold whenever these are processed again.
            parameters = self.planner.check_parameters(choice)
            choice = replace(choice, parameters=None)
        for ids, failed in self.registrar.register(new, facts, parameters, take, done, pace):
            images += ids
            refused += failed
            if choice is not None and ids:
                batches += submit_images(self.planner, self.images, ids, choice).batches
        if choice is not None and len(found.recordings) > len(new):
            batches += self._submit_left(found.recordings, images, choice)
        renewed = Renewal(self.registrar, self.images).renew(found.recordings)
        if renewed:
            told = "image has" if len(renewed) == 1 else "images have"
            remarks.append(f"{len(renewed)} {told} got facts from metadata that came later")
        note_overviews(self.images, found.recordings)
        placed = self._find_images(found.recordings)
        made_now = set(images)
        again, lost = relocate(self.images, {p: i for p, i in placed.items() if i not in made_now})
        if again:
            told = "image has its" if len(again) == 1 else "images have their"
            remarks.append(f"{len(again)} {told} recording again, which was gone")
        remarks += lost
        if take is Take.MOVE:
            known = {path: one for path, one in placed.items() if one not in made_now}
            refused += self.registrar.finish_moves(known, pace)
        return ImportReport(
            images=tuple(images),
            known=len(found.recordings) - len(new),
            refused=tuple(refused),
            ignored=found.ignored_count,
            batches=tuple(batches),
            remarks=tuple(remarks),
            placed=placed,
        )

    def _find_images(self, recordings: Sequence[Recording]) -> dict[Path, int]:
        with self.images.database.reading() as r:
            known = library.find_by_source(r, [item.source_id for item in recordings])
        return {i.path: known[i.source_id] for i in recordings if i.source_id in known}

    def _plan(
        self, new: Sequence[Recording], choice: Choice
    ) -> tuple[dict[str, Workflow], dict[str, str]]:
        """Plan for each kind of recording that is new.

        Returns:
            Workflows, and why the others cannot have one, by root product.

        Raises:
            WorkflowError: None of the kinds can have one, or the choice means nothing.
        """
        self.planner.check_names(choice)
        plans: dict[str, Workflow] = {}
        impossible: dict[str, WorkflowError] = {}
        for root in sorted({item.root_product for item in new}):
            try:
                plans[root] = self.planner.plan(choice, root)
            except WorkflowError as error:
                impossible[root] = error
        if impossible and not plans:
            raise next(iter(impossible.values()))
        if plans:
            self.planner.check_used(choice, list(plans.values()))
        return plans, {root: str(error) for root, error in impossible.items()}

    def _find_unknown(
        self,
        new: Sequence[Recording],
        facts: Mapping[str, Mapping[str, Fact]],
        choice: Choice,
        plans: Mapping[str, Workflow],
    ) -> dict[str, list[Recording]]:
        """Return the recordings of which a script must know more, by fact."""
        given = self.planner.check_parameters(choice)
        layers = (self.registrar.site.parameters, self.registrar.settings.parameters, given)
        needed = {root: needed_facts(plan, layers) for root, plan in plans.items()}
        return find_missing_facts(new, facts, needed)

    def _submit_left(
        self, recordings: Sequence[Recording], images: Sequence[int], choice: Choice
    ) -> tuple[int, ...]:
        """Submit images that a killed import had registered and not submitted."""
        with self.images.database.reading() as r:
            known = library.find_by_source(r, [item.source_id for item in recordings])
            left = queue.images_without_batches(r, set(known.values()) - set(images))
        if not left:
            return ()
        return submit_images(self.planner, self.images, sorted(left), choice).batches
