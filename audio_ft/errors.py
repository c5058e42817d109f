"""The errors that audio_ft raises for what a user can fix.

Each message says what was expected, what was received and how to fix it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class AudioFTError(Exception):
    """Say in one sentence why a command failed (exit code 1)."""


class InputError(AudioFTError, ValueError):
    """Report arguments, settings or data that cannot be used, and how to fix them (exit code 2)."""


class AudioError(InputError):
    """Report one recording that cannot be read.

    `reason` is short and stable ("no audio stream", "damaged header"), so that reports can count by it.
    """

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        # Bytes of a file name that are not UTF-8 are lone surrogates, with which no terminal or file could be written.
        super().__init__(f"{source}: {reason}".encode("utf-8", "backslashreplace").decode("utf-8"))

    def __reduce__(self) -> tuple[type[AudioError], tuple[str, str]]:
        # Errors are pickled by worker processes, and unpickling passes only the message to __init__ by default.
        return type(self), (self.source, self.reason)


@contextmanager
def naming(recording: object) -> Iterator[None]:
    """Add to an error in the block which recording it is about: it may be a mistake of ours that only one shows."""
    try:
        yield
    except Exception as error:
        error.add_note(f"in recording {str(recording)[:300]!r}")
        raise


def did_you_mean(name: object, known: Iterable[str], *, list_all: bool = False) -> str:
    """Return the end of a sentence about an unknown name: " Did you mean 'Trim'?", or "" if none is close.

    With `list_all`, all known names are listed if none is close: " There are Mono, Trim."
    """
    known = sorted(set(known))
    # Case is ignored, so that "trim" finds "Trim"; long text is not a mistyped name.
    lower = {each.lower(): each for each in known}
    typed = str(name)[:100].lower()
    begun = [each for each in lower if len(typed) > 2 and each.startswith(typed)]
    if near := begun or difflib.get_close_matches(typed, lower, 1, 0.5):
        return f" Did you mean {lower[near[0]]!r}?"
    return f" There are {', '.join(known)}." if list_all and known else ""
