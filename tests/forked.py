"""Run the programs of the parity check in forks of one process, which has imported transformers beforehand.

Every training of a test ends with such a check, and importing took longer than everything else in a tiny one. Each
program still gets its own process without audio_ft or tests; tests/training/test_parity_check.py runs them as users do.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from typing import Any

from audio_ft.training import parity_check

in_new_process = parity_check.CleanProcess

SERVER = """
import json, os, sys, tempfile, traceback
import numpy, torch
from transformers import (
    AutoFeatureExtractor, AutoModelForAudioClassification, AutoModelForCTC, AutoModelForSpeechSeq2Seq, AutoProcessor,
    HubertForCTC, Wav2Vec2ForCTC, WhisperForConditionalGeneration, pipeline,
)

def child(program, arguments, out, err):
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.argv = ["-c", *arguments]
    try:
        exec(program, {"__name__": "__main__"})
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)

for line in sys.stdin:
    program, arguments = json.loads(line)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = os.fork()
        if process == 0:
            child(program, arguments, out, err)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        for file in (out, err):
            file.seek(0)
        print(json.dumps([status, out.read(), err.read()]), flush=True)
"""

_server: list[subprocess.Popen[str]] = []


class Forked(parity_check.CleanProcess):
    """Run PROGRAM as `CleanProcess` does, without its imports."""

    def start(self) -> None:  # type: ignore[override]
        pass

    def ask(self, *asked: Any) -> None:
        self.outcome = in_fork(parity_check.PROGRAM, *self.arguments(*asked))

    def answer(self) -> subprocess.CompletedProcess[str]:
        return self.outcome


def in_fork(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fork of the server."""
    if not _server:
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", SERVER]
        _server.append(
            subprocess.Popen(
                command, stdin=pipe, stdout=pipe, text=True, env=os.environ | parity_check.CLEAN_ENVIRONMENT
            )
        )
        atexit.register(_server[0].kill)
    server = _server[0]
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps([program, arguments]) + "\n")
    server.stdin.flush()
    status, out, err = json.loads(server.stdout.readline())
    return subprocess.CompletedProcess([program, *arguments], status, out, err)
