"""The errors audio_ft raises for what a user can mend: each message says what was expected, what came and the mend."""

from __future__ import annotations


class AudioFTError(Exception):
    """Say in one sentence why a job could not be done (exit code 1)."""


class InputError(AudioFTError, ValueError):
    """Report arguments, settings or data that cannot be used, with the mend (exit code 2)."""


class AudioError(InputError):
    """Report one recording that cannot be read.

    `reason` is short and stable ("no audio stream", "damaged header") so that reports can count by it.
    """

    def __init__(self, source: str, reason: str) -> None:
        self.source = source
        self.reason = reason
        super().__init__(f"{source}: {reason}")

    def __reduce__(self) -> tuple[type[AudioError], tuple[str, str]]:
        # Two-argument exceptions do not survive the trip back from a worker process unless told how to.
        return type(self), (self.source, self.reason)
