"""Executables: running a program as a script and understanding what it says."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import psutil

from cryobatch.errors import ScriptFailed
from cryobatch.model.facts import FACTS
from cryobatch.model.run import Run
from cryobatch.model.script import Script
from cryobatch.model.value import Absent

RUN_VARIABLE = "CRYOBATCH_RUN"
ENDING_TIMEOUT_S = 5.0
CHUNK_BYTES = 65_536
LAST_WORDS = 200
"""So many letters of a program's last line are told with its failure."""


@dataclass(slots=True)
class Answers:
    """What a program has said on its standard output.

    Args:
        values: Values by name.
        tools: Versions of what it used, by name.
    """

    values: dict[str, str | Absent] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)


def run_executable(
    script: Script, run: Run, parameters: Mapping[str, Any], log: IO[bytes]
) -> Answers:
    """Run a program in its workspace until it ends.

    Args:
        script: Its declaration.
        run: What it is given.
        parameters: Its resolved parameters.
        log: Takes its standard output and error whole.

    Raises:
        ScriptFailed: It could not be started or did not end well.
    """
    description = run.workspace / "run.json"
    description.write_text(json.dumps(describe_run(run, parameters), ensure_ascii=False))
    answers = Answers()
    start = os.fstat(log.fileno()).st_size
    try:
        # No group of its own: whoever ends the processor's group ends the program too.
        process = subprocess.Popen(
            [script.place], cwd=run.workspace, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=log, env={**os.environ, RUN_VARIABLE: str(description)},
        )  # fmt: skip
    except OSError as error:
        raise ScriptFailed(f"{script.place}: cannot be started: {error.strerror}") from error
    try:
        for line in _read_lines(process, log):
            understand_line(line.decode("utf-8", errors="replace"), answers, run)
        _check_exit(script, process.wait(), lambda: _last_words(log, start))
    finally:
        process.kill()
        process.wait()
        end_leftovers()
    return answers


def describe_run(run: Run, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of the JSON file that a program reads."""
    return {
        "inputs": {name: str(path) for name, path in run.inputs.items()},
        "outputs": {name: str(path) for name, path in run.outputs.items()},
        "parameters": dict(parameters),
        "acquisition": {name: value for name, value in run.reads.items() if name in FACTS},
        "values": {name: value for name, value in run.reads.items() if name not in FACTS},
        "medians": dict(run.medians),
        "previous": dict(run.previous),
        "resources": {"threads": run.threads, "workspace": str(run.workspace)},
    }


def understand_line(line: str, answers: Answers, run: Run) -> None:
    """Take what a line says to us; a line that does not begin with ``::`` is log alone.

    Raises:
        ScriptFailed: The line speaks to us in words that mean nothing.
    """
    if not line.startswith("::"):
        return
    verb, _, rest = line[2:].strip().partition(" ")
    name, _, text = rest.strip().partition(" ")
    if verb == "message":
        run.message(rest)
    elif verb == "progress":
        run.progress(_number(line, name))
    elif verb == "value" and name and text:
        answers.values[name] = text.strip()  # its declaration says what it is
    elif verb == "absent" and name and text:
        answers.values[name] = Absent(text.strip())
    elif verb == "tool" and name and text:
        answers.tools[name] = text.strip()
    else:
        raise ScriptFailed(
            f"cannot understand {line.strip()!r}: write ::progress 0.4, ::value NAME NUMBER, "
            "::absent NAME REASON, ::message TEXT or ::tool NAME VERSION"
        )


def _read_lines(process: subprocess.Popen[bytes], log: IO[bytes]) -> Iterator[bytes]:
    """Give what a program says line by line, and keep all of it in the log.

    The end of the program is the end, though a child that it left holds its output open: that
    one is ended, else a program killed alone would only fail when its last child had gone.
    """
    assert process.stdout is not None
    output, ended = process.stdout.fileno(), os.pidfd_open(process.pid)
    rest = b""
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            selector.register(ended, selectors.EVENT_READ)
            while True:
                ready = {key.fd for key, _ in selector.select()}
                if ended in ready:
                    selector.unregister(ended)
                    process.wait()
                    end_leftovers()
                if output in ready:
                    chunk = os.read(output, CHUNK_BYTES)
                    if not chunk:
                        break
                    log.write(chunk)
                    *lines, rest = (rest[-CHUNK_BYTES:] + chunk).split(b"\n")
                    yield from lines
    finally:
        os.close(ended)
    if rest:
        yield rest


def end_leftovers() -> None:
    """End whatever a script's program left behind, adopted by this processor."""
    deadline = time.monotonic() + ENDING_TIMEOUT_S
    # Again and again: one may have started another while we looked.
    while _has_children() and time.monotonic() < deadline:
        children = psutil.Process().children(recursive=True)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=ENDING_TIMEOUT_S)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _check_exit(script: Script, code: int, last_words: Callable[[], str]) -> None:
    if code == 0:
        return
    if code > 0:
        said = last_words()
        more = f": {said} (all that it said is in its log)" if said else "; see its log"
        raise ScriptFailed(f"{script.name} ended with exit code {code}{more}")
    name = signal.Signals(-code).name
    hint = "; the kernel does that when memory runs out" if -code == signal.SIGKILL else ""
    raise ScriptFailed(f"{script.name} was killed by signal {-code} ({name}){hint}")


def _last_words(log: IO[bytes], start: int) -> str:
    """Return the last line that a program has written for people, for mostly it says why.

    Args:
        log: Its log.
        start: Where its own part begins.
    """
    with open(log.name, "rb") as file:  # noqa: PTH123 - the log's name is a text
        file.seek(max(start, os.fstat(file.fileno()).st_size - CHUNK_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    said = (" ".join(line.split()) for line in reversed(lines) if not line.startswith("::"))
    return next((line[:LAST_WORDS] for line in said if line), "")


def _number(line: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ScriptFailed(f"cannot understand {line.strip()!r}: {text!r} is no number") from None
