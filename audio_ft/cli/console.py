"""What all commands share: where messages and results go, and exit codes.

All that reaches the terminal goes out here, line by line, with what a terminal would obey escaped: a label, a name of a
file or a transcript can neither move the cursor nor pass for another line.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import shutil
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from audio_ft.cli.colors import in_color, marked, message_in_color
from audio_ft.cli.live import Clock, Screen, above_the_bars, open_bars, wrapped
from audio_ft.cli.parser import in_options
from audio_ft.errors import AudioFTError, InputError
from audio_ft.formatting import escaped
from audio_ft.system.machine import environment, rare_collections

DONE, FAILED, WRONG, STOPPED = 0, 1, 2, 130
# What a disk refuses, whatever was written: a disk for reading only, permissions, damage, a limit on sizes of files.
_BLOCKED = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EFBIG)

# Read by the libraries when they are imported; a user's own setting is kept.
QUIET_LIBRARIES = {
    "TRANSFORMERS_VERBOSITY": "error",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "DATASETS_VERBOSITY": "error",
    "HF_HUB_VERBOSITY": "error",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TOKENIZERS_PARALLELISM": "false",
}
# In a log file each step of a progress bar would be one more line.
NO_BARS = {"TQDM_DISABLE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}

logger = logging.getLogger("audio_ft")


def say(message: str) -> None:
    """Write a message of one line on standard error; `--quiet` leaves it out unless it is a warning."""
    warns = message.startswith(("warning: ", "excluded: "))
    logger.log(logging.WARNING if warns else logging.INFO, "%s", message)


def step(what: str) -> None:
    """Name the step of the work that begins, "measuring the speed", which a terminal shows while it takes."""
    logger.debug("%s", what)


def show(*lines: str) -> None:
    """Write a result on standard output, line by line."""
    with above_the_bars():
        sys.stdout.write("".join(f"{in_color(line, escaped(line), sys.stdout)}\n" for line in lines))
        sys.stdout.flush()


def screen_width() -> int | None:
    """Return the columns of the terminal that results go to, None where they go to a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def show_result(arguments: argparse.Namespace, content: Any, lines: Iterable[str]) -> None:
    """Write a result on standard output: its content as one line of JSON with `--json`, otherwise the lines.

    On a terminal, lines that are too long for it break between words.
    """
    from audio_ft.file_io import json_text  # not at the top: help must not wait for what it imports

    width = screen_width() or sys.maxsize
    fitting = (
        part for line in lines for part in ([line] if len(line) <= width else wrapped(escaped(line), width).split("\n"))
    )
    show(*([json_text(content)] if arguments.json else fitting))


def blocks(parts: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of the parts that have any, with an empty line between two parts."""
    return [line for part in parts if part for line in ("", *part)][1:]


def columns(rows: Sequence[Sequence[str]], *, right: bool = False) -> list[str]:
    """Return rows of cells as lines, each column as wide as its widest cell; `right` aligns all but the first."""
    rows = [[escaped(cell) for cell in row] for row in rows]
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    formats = [f"{{:<{first}}}", *(f"{{:{'>' if right else '<'}{width}}}" for width in others)]
    return ["  ".join(formats).format(*row).rstrip() for row in rows]


def table(rows: Sequence[Sequence[str]], *, right: bool = False) -> list[str]:
    """Return rows of cells below a heading, the first row, in bold; a row too wide for the terminal has more lines."""
    first, *others = (max(len(escaped(cell)) for cell in column) for column in zip(*rows, strict=True))
    places, room = [[0]], (screen_width() or sys.maxsize) - first
    left = room
    for place, width in enumerate(others, start=1):
        if width + 2 > left and len(places[-1]) > 1:
            places.append([0])
            left = room
        places[-1].append(place)
        left -= width + 2
    blank = " " * first
    parts = [columns([[row[0] if part is places[0] else blank, *(row[at] for at in part[1:])] for row in rows],
                     right=right) for part in places]  # fmt: skip
    heading, *lines = zip(*parts, strict=True)
    return [*map(marked, heading), *(line for row in lines for line in row if line)]


def guarded(work: Callable[[], int | None], *, debug: bool = False, quiet: bool = False) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 wrong arguments or data, 130 stopped.

    Whatever goes wrong becomes one sentence on standard error; the traceback is for `debug`.
    """
    with _screen(debug, quiet), _stoppable(), rare_collections():
        try:
            code = work()
            sys.stdout.flush()
            return code or DONE
        except BrokenPipeError:
            # The reader (`| head`) closed the pipe. Python would raise again when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return STOPPED
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  (the outermost call: a user gets one sentence)
            return _ended(error, debug)


def open_closed_streams() -> None:
    """Open the null device in the place of standard streams that were closed (`>&-`).

    Nobody reads them, and the next file that is opened would get their number, with all that is printed in it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest that is free, so that of the stream
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _ended(error: BaseException, debug: bool) -> int:
    """Say what ended a command, and return its exit code."""
    from audio_ft.file_io import is_disk_full  # not at the top: help must not wait for what it imports

    if _interrupted(error):
        code, sentence = STOPPED, "stopped; the same command continues from what is finished."
    elif isinstance(error, AudioFTError):
        wrong = isinstance(error, InputError) and not is_disk_full(error)
        code, sentence = WRONG if wrong else FAILED, f"error: {in_options(str(error))}"
    elif is_disk_full(error):
        code, sentence = FAILED, "error: no space left on the disk; free some and run this again."
    elif isinstance(error, OSError) and error.errno in _BLOCKED:
        place = f"{error.filename}: " if error.filename else ""
        reason = f"{place}{error.strerror}; check the disk, its limits and the permissions"
        code, sentence = FAILED, f"error: {reason}, and run this again."
    else:
        message = (str(error).strip() or "no message").splitlines()[0]
        message = " ".join([message, *(f"({note})" for note in getattr(error, "__notes__", ()))])
        end = "" if message.endswith((".", "!", "?")) else "."
        unexpected = f"unexpected {type(error).__name__}: {message}{end}"
        code, sentence = FAILED, f"error: {unexpected} Run again with --debug for the traceback."
    if debug:
        sys.stderr.write(escaped("".join(traceback.format_exception(error)), lines=True))
    # The message starts on a new line once bars that the failure left open are closed.
    for bar in open_bars():
        bar.close()
    with above_the_bars():
        sys.stderr.write(message_in_color(f"audio-ft: {escaped(sentence)}\n", sys.stderr))
    return code


def _interrupted(error: BaseException) -> bool:
    """Return whether a stop is the first cause: libraries that clean up after one raise errors of their own."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, KeyboardInterrupt):
        seen = seen.__cause__ or seen.__context__
    return seen is not None


class _Lines(logging.Formatter):
    """Write each of our messages as one line; those of libraries, and tracebacks, keep theirs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return what is written for a record."""
        own = record.name.startswith(logger.name)
        text = super().format(record)
        return escaped(in_options(text) if own else text, lines=not own or bool(record.exc_info))


@contextmanager
def _screen(debug: bool, quiet: bool) -> Iterator[None]:
    """Log our messages to standard error, and those of the libraries only with `debug`."""
    handler = Screen(steps=debug)
    handler.setFormatter(_Lines("%(name)s: %(message)s" if debug else "%(message)s"))
    others = handler if debug else logging.NullHandler()
    root = logging.getLogger()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names may hold what the terminal's encoding does not
            stream.reconfigure(errors="backslashreplace")
    with ExitStack() as stack:
        if not debug:
            stack.enter_context(environment(QUIET_LIBRARIES | (NO_BARS if quiet or not sys.stderr.isatty() else {})))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        stack.callback(setattr, logger, "propagate", logger.propagate)
        for log, added in ((logger, handler), (root, others)):
            log.addHandler(added)
            stack.callback(log.removeHandler, added)
            stack.callback(log.setLevel, log.level)
        # Under torchrun the first process alone says what it does.
        moves = sys.stderr.isatty() and not (debug or quiet) and os.environ.get("LOCAL_RANK", "0") == "0"
        logger.setLevel(logging.WARNING if quiet else logging.DEBUG if debug or moves else logging.INFO)
        logger.propagate = False
        if debug:
            root.setLevel(logging.INFO)
        if moves:
            stack.enter_context(Clock())
        yield


# Whether this process is forking. Python loses an interrupt that arrives then, because it runs the hooks of modules
# (such as logging) and drops what they raise: cleaning went on after a Ctrl-C while its workers started.
_forking = False


def _set_forking(value: bool) -> None:
    global _forking
    _forking = value


if hasattr(os, "register_at_fork"):
    _begin, _end = partial(_set_forking, True), partial(_set_forking, False)
    os.register_at_fork(before=_begin, after_in_parent=_end, after_in_child=_end)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM stop a command as Ctrl-C does; its forked workers leave Ctrl-C to it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()

    def stop(number: int, frame: object) -> None:
        if os.getpid() != owner:  # a forked worker that inherited this function
            if number == signal.SIGTERM:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
        elif _forking:
            again = threading.Timer(0.1, os.kill, (owner, number))
            again.daemon = True
            again.start()
        else:
            raise KeyboardInterrupt

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as under nohup
        numbers.append(signal.SIGINT)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
