"""Run programs in forks of one process, which has imported transformers beforehand.

Importing takes longer than everything else in a tiny training, its prediction or its parity check. Each program still
gets a process of its own, which has not imported audio_ft and shares nothing with the tests but the libraries' code.
tests/training/test_parity_check.py, tests/cli/test_import_time.py and others start Python as users do.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from waiting import HUNG

from audio_ft.training import parity_check

in_new_process = parity_check.CleanProcess

SERVER = """
import atexit, importlib, json, os, signal, sys, tempfile, traceback
import accelerate, datasets, huggingface_hub, librosa, numpy, pandas, sklearn.linear_model, torch
from transformers import (
    AutoFeatureExtractor, AutoModelForAudioClassification, AutoModelForCTC, AutoModelForSpeechSeq2Seq, AutoProcessor,
    HubertForCTC, Trainer, Wav2Vec2ForCTC, WhisperForConditionalGeneration, pipeline,
)

def child(asked, out, err):
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(asked["seconds"])
    for place, file in enumerate((open(os.devnull), out, err)):
        os.dup2(file.fileno(), place)
    if asked["trains"]:
        requests, answers = os.pipe(), os.pipe()
        between = os.fork()
        if between == 0:
            if os.fork() == 0:  # no child of the program, which may count its children
                signal.signal(signal.SIGINT, signal.SIG_IGN)  # which is for the program's group
                os.close(requests[1]), os.close(answers[0])
                serve(os.fdopen(requests[0]), os.fdopen(answers[1], "w"))
            os._exit(0)
        os.waitpid(between, 0)
        os.close(requests[0]), os.close(answers[1])
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    importlib.reload(huggingface_hub.constants)  # read from the environment
    sys.argv, sys.path[:0] = ["-c", *asked["arguments"]], asked["path"]
    if asked["trains"]:
        import forked
        forked.adopt(os.fdopen(requests[1], "w"), os.fdopen(answers[0]))
    code = 0
    try:
        exec(compile(asked["program"], "<string>", "exec"), {"__name__": "__main__"})
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

def serve(requests, answers):
    for line in requests:
        files = []
        for asked in json.loads(line):
            files.append((tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+"), os.fork()))
            if files[-1][-1] == 0:
                child(asked, *files[-1][:2])
        print(json.dumps([process for *_, process in files]), file=answers, flush=True)
        ended = []
        for out, err, process in files:
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            for file in (out, err):
                file.seek(0)
            ended.append([status, out.read(), err.read()])
        print(json.dumps(ended), file=answers, flush=True)

if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
"""

COMMAND = "import runpy; runpy.run_module('audio_ft', run_name='__main__', alter_sys=True)"

Outcome = subprocess.CompletedProcess[str]
# What writes requests to the server, and what reads its answers.
_server: list[tuple[IO[str], IO[str]]] = []


def server() -> tuple[IO[str], IO[str]]:
    """Return the files to and from the server, which is started for the first who asks."""
    if not _server:
        pipe, environment = subprocess.PIPE, {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen([sys.executable, "-c", SERVER], stdin=pipe, stdout=pipe, text=True, env=environment)
        atexit.register(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        _server.append((process.stdin, process.stdout))
    return _server[0]


def adopt(requests: IO[str], answers: IO[str]) -> None:
    """Check parity in this process, itself a fork, by a server that was forked before it imported audio_ft."""
    _server[:] = [(requests, answers)]
    parity_check.CleanProcess = Forked  # type: ignore[misc]


class Running:
    """Hold programs that run together, each in a process that leads a group of its own."""

    def __init__(self, *requests: Mapping[str, Any]) -> None:
        to, self._answers = server()
        to.write(json.dumps(requests) + "\n")
        to.flush()
        self.pids: list[int] = json.loads(self._answers.readline())
        self._outcomes: list[Outcome] = []

    def alive(self) -> bool:
        """Return whether all of the programs still run."""
        try:
            for process in self.pids:
                os.kill(process, 0)
        except ProcessLookupError:
            return False
        return True

    def outcomes(self) -> list[Outcome]:
        """Wait for all programs to end, and return what each wrote and how it ended."""
        if not self._outcomes:
            ended = json.loads(self._answers.readline())
            self._outcomes = [subprocess.CompletedProcess([], *one) for one in ended]
        return self._outcomes


def request(
    program: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    path: Sequence[str] = (),
    trains: bool = False,
) -> dict[str, Any]:
    """Return a program as the server reads it.

    `environment` and `path` come on top of those of the tests; one that `trains` checks parity in a fork, too.
    """
    places = os.pathsep.join(filter(None, [*path, os.environ.get("PYTHONPATH", "")]))
    return {
        "program": program,
        "arguments": arguments,
        "environment": {**os.environ, "PYTHONPATH": places, **(environment or {})},
        "folder": str(folder or Path.cwd()),
        "path": list(path),
        "trains": trains,
        "seconds": int(HUNG),
    }


def in_fork(program: str, *arguments: str, **more: Any) -> Outcome:
    """Run a program to its end; `more` is that of `request`."""
    return Running(request(program, *arguments, **more)).outcomes()[0]


def command(*words: str, **more: Any) -> Outcome:
    """Run the command line to its end; `more` is that of `request`."""
    return in_fork(COMMAND, *words, trains=words[0] == "train", **more)


class Forked(parity_check.CleanProcess):
    """Run PROGRAM as `CleanProcess` does, without its imports."""

    def start(self) -> None:  # type: ignore[override]
        pass

    def ask(self, *asked: Any) -> None:
        self.outcome = in_fork(
            parity_check.PROGRAM, *self.arguments(*asked), environment=parity_check.CLEAN_ENVIRONMENT
        )

    def answer(self) -> Outcome:
        return self.outcome
