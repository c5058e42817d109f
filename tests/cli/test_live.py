"""The terminal: a clock while nothing else moves, lines broken between words; and files and pipes get lines alone."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time

import pytest
from waiting import HUNG

from audio_ft.cli.live import wrapped

SLOW = """
import sys, time
from audio_ft.cli.console import guarded, say, show, step
from audio_ft.cli.live import open_bars

def work():
    say("split       made here: 80/10/10, seed 0, no groups known, so one speaker may be in several splits")
    step("loading the model")
    # Until the clock is there.
    while sys.stderr.isatty() and "--quiet" not in sys.argv:
        time.sleep(0.1)
        if open_bars():
            break
    show("one result")

sys.exit(guarded(work, quiet="--quiet" in sys.argv))
"""

COLORS = """
import argparse
from audio_ft.cli.console import guarded, say, show_result, table
from audio_ft.errors import InputError

def work():
    say("warning: few clips")
    rows = [["", "first", "second"], ["unweighted_average_recall", "0.9 [0.8, 0.9]" + "." * 36, "0.7 [0.6, 0.8]"]]
    show_result(argparse.Namespace(json=False), {}, [*table(rows), "so many words " * 6])
    raise InputError("a\x1b[2J is no file")

guarded(work)
"""


def on_a_terminal(*arguments: str, script: str = SLOW, **settings: str) -> list[tuple[float, str]]:
    """Run a script on a terminal of 80 columns; return what appears, with the second at which it does."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 80, 0, 0))
    environment = os.environ | {"COLUMNS": "80", "TERM": "xterm", "NO_COLOR": ""} | settings
    process = subprocess.Popen([sys.executable, "-c", script, *arguments], stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    found, begin = [], time.monotonic()
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        found.append((time.monotonic() - begin, part.decode()))
    assert process.wait(HUNG) == 0
    os.close(master)
    return found


def test_a_clock_says_what_is_done_while_nothing_else_moves():
    text = "".join(part for _, part in on_a_terminal())
    assert re.search(r"loading the model 00:0\d", text)
    # The clock is gone before the result, which has a line of its own.
    assert re.search(r"\r +\rone result\r\n", text)
    assert "so one speaker may be\r\n            in several splits\r\n" in text


def test_quiet_is_quiet_on_a_terminal():
    assert "".join(part for _, part in on_a_terminal("--quiet")) == "one result\r\n"


def test_warnings_errors_and_headings_have_a_color_and_long_rows_two_lines():
    text = "".join(part for _, part in on_a_terminal(script=COLORS)).replace("\r", "")
    blank = " " * 27
    assert [line.rstrip() for line in text.splitlines()] == [
        "\x1b[33mwarning\x1b[0m: few clips",
        f"\x1b[1m{blank}first\x1b[0m",
        f"\x1b[1m{blank}second\x1b[0m",
        f"unweighted_average_recall  0.9 [0.8, 0.9]{'.' * 36}",
        f"{blank}0.7 [0.6, 0.8]",
        "so many words so many words so many words so many words so many words so many",
        "  words",
        "audio-ft: \x1b[31merror\x1b[0m: a\\u001b[2J is no file",
    ]


@pytest.mark.parametrize("settings", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_can_do_without_color(settings):
    assert "\x1b" not in "".join(part for _, part in on_a_terminal(script=COLORS, **settings))


def test_files_and_pipes_get_no_color_and_whole_lines():
    found = subprocess.run(
        [sys.executable, "-c", COLORS], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=HUNG
    )
    blank, dots = " " * 27, "." * 36
    assert [line.rstrip() for line in found.stdout.splitlines()] == [
        "warning: few clips",
        f"{blank}first{' ' * 47}second",
        f"unweighted_average_recall  0.9 [0.8, 0.9]{dots}  0.7 [0.6, 0.8]",
        ("so many words " * 6).rstrip(),
        "audio-ft: error: a\\u001b[2J is no file",
    ]


def test_files_and_pipes_get_lines_alone():
    found = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, check=True, timeout=HUNG)
    assert found.stdout == b"one result\n"
    assert found.stderr.count(b"\n") == 1
    assert b"\r" not in found.stderr


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        ("short", ["short"]),
        ("split   a b c d e f g h i j", ["split   a b c d e f", "        g h i j"]),
        ("warning: this is too long for it", ["warning: this is too", "  long for it"]),
        ("see /a/very/long/path/that/is/not/broken", ["see", "  /a/very/long/path/that/is/not/broken"]),
    ],
)
def test_lines_break_between_words_below_what_they_say(message, lines):
    assert wrapped(message, 20).split("\n") == lines


def test_predictions_in_a_pipe_have_no_bar(small_run, tmp_path):
    from audio_ft.audio.clip import Clip, write

    write(Clip.tone(300, 0.5), tmp_path / "a.wav")
    words = [sys.executable, "-m", "audio_ft", "predict", str(small_run), str(tmp_path / "a.wav")]
    found = subprocess.run(words, capture_output=True, check=True, timeout=HUNG)
    assert b"\r" not in found.stdout + found.stderr
