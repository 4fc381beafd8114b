"""A batch's course: what a runner knows of the batch that it works through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryobatch.errors import ContractError
from cryobatch.formats import group_file
from cryobatch.model.fingerprint import fingerprint_product
from cryobatch.model.image import ImageRecord
from cryobatch.model.parameter import ParameterValue
from cryobatch.model.product import TRANSIENT_PRODUCTS, Input
from cryobatch.model.resolution import resolve_parameters
from cryobatch.model.script import Script
from cryobatch.model.workflow import Workflow, plan_workflow
from cryobatch.processing.currency import fingerprint_root, recording_path
from cryobatch.processing.image_folder import PARAMETER_FILE, Identity, identify, read_record
from cryobatch.processing.lineage import find_chain
from cryobatch.processing.orders import BatchOrder, Setup
from cryobatch.processing.workspace import WorkFolder, Workspace


@dataclass(frozen=True, slots=True)
class Located:
    """Where an input is.

    Args:
        product: Its name.
        producers: Scripts that made and transformed it; none for the root product.
        path: Its place, None for a transient product that is not there yet.
    """

    product: str
    producers: tuple[str, ...]
    path: Path | None


@dataclass(slots=True)
class Course:
    """Where a batch stands.

    Args:
        order: What is to be done.
        folder: The image's folder.
        record: The image's record with all that was committed so far.
        base: Identity of the parameter file that the record was read from.
        facts: Acquisition facts of the image's group.
        layers: Parameter sets from the weakest to the strongest.
        files: Where they stand, below the project's folder; empty where it is its own settings.
        workflow: The scripts in their order.
        workspace: The batch's folders.
        recording_path: Where the root product is.
        recording: Fingerprint of the root product.
        fingerprints: Of the scripts considered so far.
        failed: Why scripts failed or were not run.
        made: Scripts that ran in this attempt.
    """

    order: BatchOrder
    folder: Path
    record: ImageRecord
    base: Identity
    facts: Mapping[str, Any]
    layers: tuple[Mapping[str, Mapping[str, ParameterValue]], ...]
    files: tuple[str, ...]
    workflow: Workflow
    workspace: Workspace
    recording_path: Path
    recording: str
    fingerprints: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    _parameters: dict[str, dict[str, ParameterValue]] = field(default_factory=dict)

    def parameters(self, script: Script) -> Mapping[str, ParameterValue]:
        """Return a script's parameters, as they hold for this batch."""
        if script.name not in self._parameters:
            self._parameters[script.name] = resolve_parameters(script, self.layers, self.files)
        return self._parameters[script.name]

    def read_again(self) -> None:
        """Take note of what somebody else has written into the parameter file."""
        self.base = identify(self.folder)
        self.record = read_record(self.folder)
        self.recording_path = recording_path(self.record, self.folder)

    def effective(self) -> ImageRecord:
        """Return the record as scripts see it: the group's facts under a person's own."""
        if not self.facts:
            return self.record
        person = self.record.person
        return replace(self.record, person=replace(person, facts={**self.facts, **person.facts}))

    def lost_values(self) -> tuple[str, ...]:
        """Return the values that failed scripts should have calculated."""
        scripts = [s for s in self.workflow.scripts if s.name in self.failed]
        locked = self.record.person.locks
        return tuple(name for s in scripts for name in s.values if name not in locked)

    def locate(self, script: Script, item: Input) -> Located | None:
        """Find the first of an input's products that is there for a script."""
        for name in item.names:
            found = self._locate_product(script, name)
            if found is not None:
                return found
        return None

    def locate_inputs(self, script: Script) -> list[Located]:
        """Find all inputs of a script.

        Raises:
            ContractError: A needed one is not there.
        """
        located = []
        for item in script.inputs:
            found = self.locate(script, item)
            if found is None and not item.optional:
                raise ContractError(f"{script.name} needs {item}, and this image has none")
            if found is not None:
                located.append(found)
        return located

    def lineage(self, script: Script) -> dict[str, tuple[str, ...]]:
        """Return who made what a script reads, and what its transient inputs are made of."""
        located = self.locate_inputs(script)
        found = {item.product: item.producers for item in located}
        makers = {n for i in located if i.product in TRANSIENT_PRODUCTS for n in i.producers}
        for maker in reversed(self.workflow.scripts):
            if maker.name in makers:
                found = self.lineage(maker) | found
        return found

    def fingerprint_input(self, located: Located) -> str:
        """Return the fingerprint of an input."""
        if not located.producers:
            return self.recording
        producers = tuple(self._fingerprint_of(name) for name in located.producers)
        return fingerprint_product(located.product, producers)

    def find_blocker(self, script: Script) -> str | None:
        """Return a failed script without whose products or values a script cannot run."""
        for item in script.inputs:
            makers = [p for n in item.names for p in self.workflow.producers(n) if p != script.name]
            lost = [name for name in makers if name in self.failed]
            if lost and not item.optional and self.locate(script, item) is None:
                return lost[0]
        values = self.lost_values()
        for other in self.workflow.scripts:
            for read in script.reads:
                if not read.optional and read.name in values and read.name in other.values:
                    return other.name
        return None

    def protect_recording(self, script: Script) -> None:
        """See that no output of a script would take the place of the recording itself."""
        for name, output in script.outputs.items():
            if name not in TRANSIENT_PRODUCTS and output.file == self.record.image.root_file:
                raise ContractError(
                    f"{script.name}: its output {name} would overwrite the recording "
                    f"{self.recording_path}: give it another file name, or "
                    "import the recording under another"
                )

    def wanted_after(self, script: Script) -> frozenset[str]:
        """Return the transient products that scripts after this one read."""
        names = [other.name for other in self.workflow.scripts]
        later = self.workflow.scripts[names.index(script.name) + 1 :]
        read = {name for other in later for item in other.inputs for name in item.names}
        return frozenset(read & TRANSIENT_PRODUCTS)

    def _locate_product(self, script: Script, name: str) -> Located | None:
        if name == self.record.image.root_product:
            return Located(name, (), self.recording_path)
        producers = self._producers_before(script, name)
        if any(producer in self.failed for producer in producers):
            return None
        if name in TRANSIENT_PRODUCTS:
            return (
                Located(name, producers, self.workspace.transients.get(name)) if producers else None
            )
        chain = find_chain(self.record, name, script)
        if not chain or any(maker in self.failed for maker in chain):
            return None
        path = self.folder / self.record.runs[chain[-1]].products[name]
        return Located(name, chain, path) if path.is_file() else None

    def _producers_before(self, script: Script, product: str) -> tuple[str, ...]:
        names = [other.name for other in self.workflow.scripts]
        before = set(names[: names.index(script.name)])
        return tuple(name for name in self.workflow.producers(product) if name in before)

    def _fingerprint_of(self, script: str) -> str:
        if script in self.fingerprints:
            return self.fingerprints[script]
        return self.record.runs[script].fingerprint


@dataclass(slots=True)
class Plans:
    """Workflows by what they depend on: one batch is mostly like the one before.

    Args:
        setup: What holds for all batches.
        scripts: All scripts by name.
    """

    setup: Setup
    scripts: Mapping[str, Script]
    _known: dict[tuple[object, ...], Workflow] = field(default_factory=dict)

    def plan(self, chosen: tuple[str, ...], root: str, present: tuple[str, ...]) -> Workflow:
        """Return the workflow of the chosen scripts for an image with these products."""
        key = (chosen, root, present)
        if key not in self._known:
            self._known[key] = plan_workflow(
                chosen,
                self.scripts,
                root=root,
                present=present,
                companions=self.setup.companions.get(root, ()),
                categories=self.setup.categories,
            )
        return self._known[key]


def begin_course(order: BatchOrder, setup: Setup, plans: Plans, work: WorkFolder) -> Course:
    """Read an image's files and plan its workflow.

    Raises:
        CryobatchError: The batch cannot run; the text says why.
    """
    folder = Path(order.image_folder)
    base = identify(folder)
    record = read_record(folder)
    group = group_file.read(f"{order.image_folder.rpartition('/')[0]}/{group_file.FILE_NAME}")
    present = tuple(_present_products(record, folder))
    workflow = plans.plan(order.scripts, record.image.root_product, present)
    path = recording_path(record, folder)
    return Course(
        order=order,
        folder=folder,
        record=record,
        base=base,
        facts=group.acquisition,
        layers=(setup.site_parameters, setup.project_parameters, group.parameters,
                record.parameters, order.parameters),
        files=_name_files(order, setup),
        workflow=workflow,
        workspace=Workspace(order.staging, order.scratch, work),
        recording_path=path,
        recording=fingerprint_root(record, path),
    )  # fmt: skip


def _name_files(order: BatchOrder, setup: Setup) -> tuple[str, ...]:
    """Return where the layers of parameters stand, as a person finds them."""
    image = order.image_folder.removeprefix(f"{setup.project_folder}/")
    group = image.rpartition("/")[0]
    # The project's own file is known by its name.
    return (
        setup.site_file, "", f"{group}/{group_file.FILE_NAME}",
        f"{image}/{PARAMETER_FILE}",
    )  # fmt: skip


def _present_products(record: ImageRecord, folder: Path) -> Sequence[str]:
    return [
        product
        for run in record.runs.values()
        for product, file in run.products.items()
        if (folder / file).is_file()
    ]
