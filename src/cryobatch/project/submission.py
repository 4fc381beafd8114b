"""Submitting: images and scripts become batches in the queue."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cryobatch.errors import CryobatchError, UnknownNameError, UsageError, WorkflowError
from cryobatch.model.batch import ParameterSet
from cryobatch.model.category import order_categories
from cryobatch.model.parameter import ParameterValue
from cryobatch.model.product import TRANSIENT_PRODUCTS
from cryobatch.model.resolution import check_parameters
from cryobatch.model.script import Script
from cryobatch.model.settings import ProjectSettings
from cryobatch.model.workflow import Workflow, plan_workflow
from cryobatch.project.images import Images
from cryobatch.store import library, queue
from cryobatch.store.queue import Submission, Submitted

_SEE_SCRIPTS = " (see 'cryobatch scripts list')"


@dataclass(frozen=True, slots=True)
class Choice:
    """What shall be done, before it is known to which images.

    Args:
        scripts: Names of scripts; None: those of a workflow.
        workflow: Name of a workflow; None: the project's own for each kind of image.
        parameters: What is given for these batches.
        force: Whether what is up to date runs too.
        top: Whether the batches go on top of the queue.
        first_now: Whether the first scripts, up to the first product or value that stays, are a
            batch of their own on top, and the others one at the bottom.
        stale: Just the scripts whose results are stale, image by image, in place of a workflow.
    """

    scripts: tuple[str, ...] | None = None
    workflow: str | None = None
    parameters: ParameterSet | None = None
    force: bool = False
    top: bool = False
    first_now: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True)
class SubmissionReport:
    """What became of a submission.

    Args:
        batches: Ids of the new batches.
        duplicates: Ids of batches that waited already for the same.
        refused: Why images got no batch, by image id.
        left_out: Why chosen scripts do not apply to a kind of image, by script.
    """

    batches: tuple[int, ...] = ()
    duplicates: tuple[int, ...] = ()
    refused: Mapping[int, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans workflows for a project's images.

    Args:
        scripts: All known scripts.
        settings: The project's settings.
        broken: Why scripts are not among the known ones, by name.
    """

    scripts: Mapping[str, Script]
    settings: ProjectSettings
    broken: Mapping[str, str] = field(default_factory=dict)

    def choose(self, choice: Choice, root: str) -> tuple[str, ...]:
        """Return the names of the scripts that a choice means for one kind of image."""
        if choice.scripts is not None:
            return self._check_broken(choice.scripts)
        name = choice.workflow or self.settings.default_workflows[root]
        if name not in self.settings.workflows:
            raise UnknownNameError("workflow", name, self.settings.workflows)
        return self._check_broken(self.settings.workflows[name])

    def _check_broken(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the names, or say why one that has a file cannot be used."""
        for name in names:
            if name in self.broken and name not in self.scripts:
                raise WorkflowError(f"the script {name} cannot be used: {self.broken[name]}")
        return names

    def plan(self, choice: Choice, root: str, present: Sequence[str] = ()) -> Workflow:
        """Return the workflow that a choice means for an image.

        Args:
            choice: What shall be done.
            root: The image's root product.
            present: Other products that it has.
        """
        return plan_workflow(
            self.choose(choice, root),
            self.scripts,
            root=root,
            present=present,
            companions=self.settings.workflows[self.settings.default_workflows[root]],
            categories=order_categories(self.settings.categories),
        )

    def plan_anyway(self, choice: Choice, root: str) -> Workflow:
        """Plan as if every product were there that some script makes: finds all other errors."""
        everything = {name for script in self.scripts.values() for name in script.outputs}
        return self.plan(choice, root, sorted(everything - TRANSIENT_PRODUCTS))

    def check_names(self, choice: Choice) -> None:
        """See that what was named is known, also where there is no image to plan for."""
        if choice.scripts is None and choice.workflow is None:
            return
        for name in self.choose(choice, "movie"):
            if name not in self.scripts:
                raise UnknownNameError("script", name, self.scripts, hint=_SEE_SCRIPTS)

    def check_new(self, choice: Choice) -> None:
        """See that what was chosen, and its parameters, are for some kind of new recording.

        Raises:
            WorkflowError: A script could run on none; the text says which others would help.
        """
        self.check_names(choice)
        if choice.scripts is None and choice.workflow is None:
            return
        impossible: list[WorkflowError] = []
        workflows: list[Workflow] = []
        for root in sorted(self.settings.default_workflows, reverse=True):
            try:
                workflows.append(self.plan(choice, root))
            except WorkflowError as error:
                impossible.append(error)
        used = {script.name for workflow in workflows for script in workflow.scripts}
        if impossible and not used.issuperset(self.choose(choice, "movie")):
            raise impossible[0]
        self.check_used(choice, workflows)

    def check_parameters(self, choice: Choice) -> ParameterSet:
        """Return the given parameters in their own types."""
        checked: dict[str, dict[str, ParameterValue]] = {}
        for name, given in (choice.parameters or {}).items():
            if name not in self.scripts:
                raise UnknownNameError("script", name, self.scripts)
            typed = check_parameters(self.scripts[name], given)
            checked[name] = {k: "none" if v is None else v for k, v in typed.items()}
        return checked

    def check_used(self, choice: Choice, workflows: Sequence[Workflow]) -> None:
        """See that every given parameter is for a script that will run.

        Raises:
            WorkflowError: One is for another script; the text says which.
        """
        used = {script.name for workflow in workflows for script in workflow.scripts}
        left_out = {name for workflow in workflows for name in workflow.left_out}
        for name in choice.parameters or {}:
            if name not in used | left_out:
                raise WorkflowError(
                    f"--set {name}...: {name} is not among the chosen scripts "
                    f"({', '.join(sorted(used))}); add it or leave this parameter out"
                )


def find_refusal(planner: Planner, choice: Choice, root: str, present: Sequence[str]) -> str | None:
    """Tell why an image cannot have this workflow, None when it can."""
    try:
        planner.plan(choice, root, present)
    except CryobatchError as error:
        return str(error)
    return None


def submit_stale(
    planner: Planner, images: Images, ids: Sequence[int], choice: Choice
) -> SubmissionReport:
    """Put batches of just the stale scripts of images into the queue.

    Raises:
        UsageError: Scripts or a workflow are chosen as well.
    """
    if choice.scripts is not None or choice.workflow is not None:
        raise UsageError("what is stale follows from the images: leave out scripts and workflow")
    with images.database.reading() as r:
        stale = library.stale_scripts(r, ids)
    groups: dict[tuple[str, ...], list[int]] = {}
    for image_id in ids:
        scripts = tuple(name for name in stale.get(image_id, ()) if name in planner.scripts)
        if scripts:
            groups.setdefault(scripts, []).append(image_id)
    reports = [
        submit_images(planner, images, group, replace(choice, scripts=scripts, stale=False))
        for scripts, group in groups.items()
    ]
    return SubmissionReport(
        batches=tuple(one for report in reports for one in report.batches),
        duplicates=tuple(one for report in reports for one in report.duplicates),
        refused={one: why for report in reports for one, why in report.refused.items()},
        left_out={name: why for report in reports for name, why in report.left_out.items()},
    )


def submit_images(
    planner: Planner, images: Images, ids: Sequence[int], choice: Choice
) -> SubmissionReport:
    """Put batches of images into the queue, all that can have this workflow.

    Raises:
        WorkflowError: No kind of image can have it; the text says which scripts would help.
    """
    planner.check_names(choice)
    parameters = planner.check_parameters(choice)
    with images.database.reading() as r:
        roots = library.root_products(r, ids)
    kinds, impossible = _plan_kinds(planner, choice, roots)
    planner.check_used(choice, list(kinds.values()))
    refused = {one: str(impossible[root]) for one, root in roots.items() if root in impossible}
    possible = {one: root for one, root in roots.items() if root in kinds}
    refused |= _find_refused(planner, images, choice, possible)
    scripts = {root: plan.chosen_in_order() for root, plan in kinds.items()}
    accepted = [image_id for image_id in ids if image_id not in refused]
    if choice.first_now:
        done = _submit_apart(images, accepted, roots, kinds, parameters, choice)
    else:
        ordered = {root: _is_in_order(plan, scripts[root]) for root, plan in kinds.items()}
        requests = [
            Submission(one, scripts[root], parameters, choice.force, ordered[root])
            for one in accepted
            for root in [roots[one]]
        ]
        done = queue.submit_all(images.database, requests, top=choice.top, now=time.time())
    left_out = {name: why for plan in kinds.values() for name, why in plan.left_out.items()}
    return SubmissionReport(done.ids, done.duplicates, refused, left_out)


def _submit_apart(
    images: Images,
    ids: Sequence[int],
    roots: Mapping[int, str],
    kinds: Mapping[str, Workflow],
    parameters: ParameterSet,
    choice: Choice,
) -> Submitted:
    """Put the first scripts of images on top of the queue, and the others at its end.

    Both in one transaction: an image must not be left with half of its batches.
    """
    scripts = {root: plan.chosen_in_order() for root, plan in kinds.items()}
    counts = {root: _count_first(kinds[root], names) for root, names in scripts.items()}
    first: list[Submission] = []
    rest: list[Submission] = []
    for one in ids:
        plan, names, count = kinds[roots[one]], scripts[roots[one]], counts[roots[one]]
        for part, bundle in ((names[:count], first), (names[count:], rest)):
            if part:
                in_order = _is_in_order(plan, part)
                bundle.append(Submission(one, part, parameters, choice.force, in_order))
    with images.database.transaction() as t:
        now = time.time()
        done = queue.submit(t, first, top=True, now=now), queue.submit(t, rest, top=False, now=now)
    return Submitted(done[0].ids + done[1].ids, done[0].duplicates + done[1].duplicates)


def _is_in_order(workflow: Workflow, chosen: Sequence[str]) -> bool:
    """Tell whether chosen scripts, or ones that come along for them, run in recording order."""
    others = set(workflow.chosen_in_order()) - set(chosen)
    return any(script.in_order and script.name not in others for script in workflow.scripts)


def _count_first(workflow: Workflow, names: Sequence[str]) -> int:
    """Return how many scripts lead to the first result that outlives its batch."""
    known = {script.name: script for script in workflow.scripts}
    for number, name in enumerate(names, start=1):
        if set(known[name].outputs) - TRANSIENT_PRODUCTS or not known[name].outputs:
            return number
    return len(names)


def _plan_kinds(
    planner: Planner, choice: Choice, roots: Mapping[int, str]
) -> tuple[dict[str, Workflow], dict[str, CryobatchError]]:
    """Plan for each kind of image that is there; returns the kinds that cannot have it as well."""
    kinds: dict[str, Workflow] = {}
    impossible: dict[str, CryobatchError] = {}
    for root in sorted(set(roots.values())):
        try:
            kinds[root] = planner.plan_anyway(choice, root)
        except CryobatchError as error:
            impossible[root] = error
    if impossible and not kinds:
        raise next(iter(impossible.values()))
    return kinds, impossible


def _find_refused(
    planner: Planner, images: Images, choice: Choice, roots: Mapping[int, str]
) -> dict[int, str]:
    """Find images that lack a product which no script of the workflow makes.

    One that has batches in the queue is let through: they may make it before its turn comes.
    """
    lacking = {root for root in set(roots.values()) if find_refusal(planner, choice, root, ())}
    doubtful = [image_id for image_id, root in roots.items() if root in lacking]
    if not doubtful:
        return {}
    with images.database.reading() as r:
        busy = queue.images_in_queue(r, doubtful)
    refused = {}
    for image_id in doubtful:
        if image_id in busy:
            continue
        try:
            present = images.present_products(image_id)
        except CryobatchError as error:
            refused[image_id] = str(error)
            continue
        reason = find_refusal(planner, choice, roots[image_id], present)
        if reason is not None:
            refused[image_id] = reason
    return refused
