"""What moves on a terminal: messages above bars, and no two seconds without a change while something is computed."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar

from audio_ft.cli.colors import message_in_color
from audio_ft.formatting import escaped

# After this many seconds without a change, a line says what is being done, and its clock moves once a second.
QUIET_SECONDS, TICK = 1.0, 0.5
INDENT = 2
# "train       1,234 clips": a name, and what is said of it.
_NAMED = re.compile(r"\S+(?: \S+)? {2,}(?=\S)")


def wrapped(message: str, width: int) -> str:
    """Return a message in lines of at most `width`, broken between words; what follows a name stays under itself."""
    if len(message) <= width:
        return message
    named = _NAMED.match(message)
    rest = " " * (len(named[0]) if named and len(named[0]) < width // 2 else INDENT)
    lines = textwrap.wrap(message, width, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False,
                          drop_whitespace=True, replace_whitespace=False)  # fmt: skip
    return "\n".join(lines)


@contextmanager
def above_the_bars() -> Iterator[None]:
    """Hide the bars of tqdm while something is written, so that it gets a line of its own."""
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)  # which the clock may be importing
    with tqdm.external_write_mode() if tqdm else nullcontext():
        yield
    Clock.moved()


class Screen(logging.StreamHandler):  # type: ignore[type-arg] # Python 3.10 cannot subscript it
    """Write messages above the bars, on a terminal broken between words; what is logged for debugging names the work.

    Each of our records below INFO is a step of the work, "loading the model", which the clock shows while it takes;
    it is written only with `steps`.
    """

    def __init__(self, *, steps: bool) -> None:
        super().__init__(sys.stderr)
        self.steps = steps

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or remember the step it names."""
        if record.levelno < logging.INFO and record.name.startswith("audio_ft"):
            Clock.step = escaped(record.getMessage())
            if not self.steps:
                return
        with above_the_bars():
            super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        text = super().format(record)
        if not self.stream.isatty() or "\n" in text:
            return text
        return message_in_color(wrapped(text, shutil.get_terminal_size().columns - 1), self.stream)


# Held while the clock draws, and while this process forks: a child must not inherit a lock that nobody would release.
_drawing = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_drawing.acquire, after_in_parent=_drawing.release, after_in_child=_drawing.release)


class Clock:
    """A line at the bottom of the terminal with the step of the work and its seconds, while nothing else moves.

    Where a bar is open, that is refreshed instead. The clock is a thread of its own: a library that is being imported
    or a network that is being loaded calls nobody back.
    """

    step: ClassVar[str] = "starting"
    _last: ClassVar[float] = 0.0

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True, name="clock")
        self._bar: Any = None

    @classmethod
    def moved(cls) -> None:
        """Note that the screen has changed."""
        cls._last = time.monotonic()

    def __enter__(self) -> Clock:
        type(self).step = "starting"
        self.moved()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        self._close()

    def _tick(self) -> None:
        while not self._ended.wait(TICK):
            with _drawing:
                self._draw()

    def _draw(self) -> None:
        """Show what is being done, or refresh the bars that are open."""
        if time.monotonic() - self._last < QUIET_SECONDS:
            self._close()
            return
        from tqdm import tqdm

        others = [bar for bar in open_bars() if bar is not self._bar]
        for bar in others:
            bar.refresh()
        if others:
            self._close()
        elif self._bar is None or self._bar.desc != self.step:
            self._close()
            self._bar = tqdm(bar_format="{desc} {elapsed}", desc=self.step, leave=False, file=sys.stderr)
        else:
            self._bar.refresh()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def open_bars() -> list[Any]:
    """Return the bars that are on the screen: complete, open, and after their delay."""
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    if tqdm is None:
        return []
    with tqdm.get_lock():
        # `start_t` is set last.
        bars = [bar for bar in tqdm._instances if getattr(bar, "start_t", None) is not None and not bar.disable]
    return [bar for bar in bars if time.time() - bar.start_t >= bar.delay]
