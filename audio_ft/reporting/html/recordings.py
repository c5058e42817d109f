"""The recordings of a run, before and after cleaning, and as players for the page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.codec.encode import encode
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.place import source_of
from audio_ft.cleaning.step import Step
from audio_ft.cleaning.steps import Mono, Resample
from audio_ft.data import load
from audio_ft.errors import AudioError, AudioFTError
from audio_ft.parallel import progress_bar
from audio_ft.redaction import display_name
from audio_ft.run import Run

if TYPE_CHECKING:
    from datasets import Dataset

# All browsers play MP3, at a fifth of FLAC's size. These are its sampling rates in Hz, as far as speech needs.
PLAYER_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000)
# A player holds at most so many seconds, to keep the page small.
PLAYER_SECONDS = 30.0


@dataclass(frozen=True)
class TracedClip:
    """Hold a recording and the result of each cleaning step."""

    raw: Clip
    steps: tuple[tuple[Step, Clip], ...]

    @property
    def clean(self) -> Clip:
        """Return the cleaned recording."""
        return self.steps[-1][1] if self.steps else self.raw


@dataclass(frozen=True)
class Player:
    """Hold compressed audio as a data URI; `cut` says whether it is only the beginning."""

    uri: str
    seconds: float
    cut: bool


@dataclass(frozen=True)
class Recordings:
    """Hold the (table, row) of each recording of a run by key, and the cleaning that the stored ones still need."""

    rows: Mapping[str, tuple[Dataset, int]]
    chain: Chain

    @classmethod
    def of(cls, run: Run) -> Recordings:
        """Load the data that a run was trained on.

        Raises:
            InputError: the data is missing or has changed.
        """
        # Each fold has drawn its own clips where there is a limit.
        data = run.recipe.data.replace(limit=None) if run.folds else run.recipe.data
        loaded = load(data, known=run.target)
        rows = {key: (table, row) for table in loaded.splits.values() for row, key in enumerate(list(table["key"]))}
        return cls(rows, run.recipe.steps.remaining(loaded.chain))

    def trace(self, key: str) -> TracedClip | None:
        """Return a recording and the result of each step, or None if it is missing or unreadable."""
        if key not in self.rows:
            return None
        table, row = self.rows[key]
        try:
            raw = read(source_of(table[row]))
            return TracedClip(raw, tuple(self.chain.trace(raw)))
        except AudioError:
            return None


def recordings_of(run: Run, *, audio: bool) -> tuple[Recordings | None, str]:
    """Return the recordings of a run and "", or None and the reason why the page has none."""
    if not audio:
        return None, "This page was made without recordings."
    try:
        return Recordings.of(run), ""
    except AudioFTError as error:
        path = run.recipe.data.path
        reason = str(error).replace(path, display_name(path))  # the folders above are private
        return None, f"The recordings could not be found when this page was made, so it has no players: {reason}"


def player(clip: Clip) -> Player | None:
    """Return a clip as mono audio for a browser; None for an empty clip."""
    rate = next((rate for rate in PLAYER_RATES if rate >= clip.rate), PLAYER_RATES[-1])
    start = clip.with_samples(clip.samples[:, : round(PLAYER_SECONDS * clip.rate)])
    small = Resample(rate)(Mono()(start))
    if not small.length:
        return None
    content = base64.b64encode(encode(small.samples, rate, Path("clip.mp3"))).decode("ascii")
    return Player(f"data:audio/mpeg;base64,{content}", clip.seconds, clip.seconds > PLAYER_SECONDS)


def progress(items: Sequence[Any], description: str) -> Iterable[Any]:
    """Yield the items, with a progress bar on terminals if it takes over two seconds."""
    return progress_bar(items, desc=description, unit="recording")
