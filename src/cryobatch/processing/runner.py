"""The runner: works through one batch's scripts in a processor's process."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryobatch.errors import CryobatchError, NoRoom, ScriptFailed
from cryobatch.model.batch import NOT_RUN
from cryobatch.model.image import ImageRecord
from cryobatch.model.index import index_entry
from cryobatch.model.product import TRANSIENT_PRODUCTS
from cryobatch.model.run import Run
from cryobatch.model.script import Script
from cryobatch.processing.course import Course, Located, Plans, begin_course
from cryobatch.processing.currency import (
    FileDigests,
    Surroundings,
    fingerprint_script,
    gather_reads,
)
from cryobatch.processing.image_folder import read_record
from cryobatch.processing.invocation import invoke
from cryobatch.processing.orders import BatchOrder, Setup, to_json
from cryobatch.processing.output import OutputFile
from cryobatch.processing.recordings import bring_back
from cryobatch.processing.staging import Finished, Stopwatch, stage_result
from cryobatch.processing.staleness import find_stale
from cryobatch.processing.workspace import WorkFolder, explain_disk, output_of

Message = Mapping[str, Any]
"""A message as JSON's types."""


@dataclass(slots=True)
class Runner:
    """Works through batches, one at a time, and tells the daemon.

    Args:
        setup: What holds for all batches.
        scripts: All scripts by name.
        send: Tells the daemon.
        receive: Waits for the daemon's answer.
    """

    setup: Setup
    scripts: Mapping[str, Script]
    send: Callable[[Message], None]
    receive: Callable[[], Message]
    digests: FileDigests = field(init=False)
    plans: Plans = field(init=False)
    work: WorkFolder | None = field(init=False, default=None)
    output: OutputFile | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.digests = FileDigests(Path(self.setup.project_folder))
        self.plans = Plans(self.setup, self.scripts)

    def run_batch(self, order: BatchOrder) -> None:
        """Work through a batch's scripts; every failure is told, none is raised."""
        try:
            course = begin_course(order, self.setup, self.plans, self._find_work(order))
        except CryobatchError as error:
            self.send({"event": "batch_failed", "reason": str(error)})
            return
        try:
            self._run_scripts(course)
        except NoRoom as error:
            self.send({"event": "no_room", "reason": str(error)})
        finally:
            course.workspace.close()

    def _run_scripts(self, course: Course) -> None:
        course.failed.update(course.order.failures)
        told = False
        for script in course.workflow.scripts:
            if script.name not in course.failed:
                told = self._consider(course, script)
        if not told:
            self.send({"event": "done", "result": None})

    def _consider(self, course: Course, script: Script) -> bool:
        """Run a script if it must; True when that was told as the batch's end."""
        blocker = course.find_blocker(script)
        if blocker is not None:
            self._fail(course, script, f"{NOT_RUN}{blocker} has failed")
            return False
        try:
            course.fingerprints[script.name] = self._fingerprint(course, script)
            if script.only_transient:
                return False
            if self._is_up_to_date(course, script):
                self.send({"event": "script_skipped", "script": script.name})
                return False
            return self._execute(course, script)
        except NoRoom:
            raise
        except CryobatchError as error:
            self._fail(course, script, str(error))
            return False

    def _fail(self, course: Course, script: Script, reason: str) -> None:
        course.failed[script.name] = reason
        self.send({"event": "script_failed", "script": script.name, "reason": reason})

    def _reads(self, course: Course, script: Script) -> Mapping[str, Any]:
        return gather_reads(script, course.effective(), course.lost_values(), self.scripts)

    def _fingerprint(self, course: Course, script: Script) -> str:
        located = course.locate_inputs(script)
        return fingerprint_script(
            script,
            course.parameters(script),
            self._reads(course, script),
            {item.product: course.fingerprint_input(item) for item in located},
            self.digests,
        )

    def _is_up_to_date(self, course: Course, script: Script) -> bool:
        run = course.record.runs.get(script.name)
        if run is None or run.fingerprint != course.fingerprints[script.name]:
            return False
        if not all((course.folder / file).is_file() for file in run.products.values()):
            return False
        forced = course.order.force and script.name in course.workflow.chosen
        return not forced or run.batch == course.order.batch

    def _execute(self, course: Course, script: Script) -> bool:
        """Run a script, before it whatever makes its transient inputs; True: told as the end."""
        if script.gpus > self.setup.gpus:
            raise ScriptFailed(
                f"{script.name} needs {script.gpus} GPUs, this processor has {self.setup.gpus}: "
                "set gpus under [processors] in project.toml or site.toml"
            )
        for item in course.locate_inputs(script):
            if item.product in TRANSIENT_PRODUCTS:
                self._make_transient(course, item)
            elif not item.producers:
                self._have_recording(course, script)
        remade = self._is_remade(course, script)
        self.send({
            "event": "script_started", "script": script.name,
            "time_limit_s": script.time_limit_s, "remade": remade,
        })  # fmt: skip
        watch = Stopwatch()
        finished = self._invoke(course, script, watch)
        course.made.add(script.name)
        if remade or script.only_transient:
            self.send({"event": "script_made", "script": script.name})
            return False
        return self._hand_over(course, script, finished)

    def _have_recording(self, course: Course, script: Script) -> None:
        """Bring the recording back where it is gone and a script needs it."""
        if course.recording_path.is_file():
            return
        text = bring_back(course.record, course.folder, self.setup.bring_back)
        self.send({"event": "message", "script": script.name, "level": "warning", "text": text})
        course.read_again()

    def _hand_over(self, course: Course, script: Script, finished: Finished) -> bool:
        """Stage a result and let the daemon commit it; True: told as the batch's end."""
        before = course.record
        with explain_disk(course.workspace.staging):
            staged = stage_result(course, script, finished, self.setup)
        stale = self._find_stale(course, finished.products.values())
        last = script.name == course.workflow.scripts[-1].name
        self.send({
            "event": "script_done", "script": script.name, "result": to_json(staged),
            "index": to_json(index_entry(course.record, stale)),
            "seconds": finished.seconds, "memory_bytes": finished.memory_bytes, "last": last,
        })  # fmt: skip
        if not last:
            self._await_commit(course, script, before)
        return last

    def _await_commit(self, course: Course, script: Script, before: ImageRecord) -> None:
        answer = self.receive()
        if answer["do"] == "refused":
            # The daemon has noted it already; what does not depend on this script goes on.
            course.record = before
            course.failed[script.name] = answer["reason"]
            return
        mtime_ns, size, inode = answer["base"]
        course.base = (mtime_ns, size, inode)
        if answer["merged"]:
            course.record = read_record(course.folder)

    def _find_stale(self, course: Course, staged: Collection[str]) -> tuple[str, ...]:
        if len(course.record.runs) == 1:
            return ()  # the run of this moment alone
        surroundings = Surroundings(
            scripts=self.scripts,
            layers=course.layers[:-1],  # each run's record holds what was given for its batch
            digest=self.digests,
            recording=course.recording,
            is_there=lambda file: file in staged or (course.folder / file).is_file(),
        )
        return find_stale(course.effective(), surroundings)

    def _make_transient(self, course: Course, item: Located) -> None:
        for name in item.producers:
            if name not in course.made:
                producer = self.scripts[name]
                try:
                    self._execute(course, producer)
                except NoRoom:
                    raise
                except CryobatchError as error:
                    self._fail(course, producer, str(error))
                    raise ScriptFailed(f"{NOT_RUN}{name} has failed") from error

    def _is_remade(self, course: Course, script: Script) -> bool:
        """Tell whether a script runs again only for its transient products."""
        return not script.only_transient and self._is_up_to_date(course, script)

    def _invoke(self, course: Course, script: Script, watch: Stopwatch) -> Finished:
        course.protect_recording(script)
        with explain_disk(course.workspace.staging):
            work, outputs = course.workspace.prepare(script, course.wanted_after(script))
        run = self._describe_run(course, script, work, outputs)
        parameters = course.parameters(script)
        outcome = invoke(
            script,
            run,
            self.digests.find_files(script, parameters),
            f"{course.folder}/logs/{script.name}.log",
            self._open_output(work),
            lambda: course.workspace.collect(script, outputs),
        )
        return Finished(
            outcome=outcome,
            products=outcome.products,
            parameters=parameters,
            inputs=course.lineage(script),
            started_at=watch.started_at,
            seconds=watch.seconds(),
            memory_bytes=watch.memory_peak(),
        )

    def _find_work(self, order: BatchOrder) -> WorkFolder:
        if self.work is None:
            self.work = WorkFolder(Path(order.staging).with_name(self.setup.processor))
        return self.work

    def _open_output(self, work: Path) -> OutputFile:
        if self.output is None:
            self.output = OutputFile(output_of(work))
        return self.output

    def _describe_run(
        self, course: Course, script: Script, work: Path, outputs: Mapping[str, Path]
    ) -> Run:
        located = course.locate_inputs(script)
        reads = self._reads(course, script)
        return Run(
            workspace=work,
            inputs={item.product: item.path for item in located if item.path is not None},
            outputs=outputs,
            reads=self.digests.find_fact_files(reads),
            medians={n: v for n, v in course.order.medians.items() if n in script.medians},
            previous={n: v for n, v in course.order.previous.items() if n in script.previous},
            threads=self.setup.threads,
            report=lambda event: self.send({**event, "script": script.name}),
        )
