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
from audio_ft.evaluation.scoring import clean_rows
from audio_ft.parallel import progress_bar
from audio_ft.redaction import display_name
from audio_ft.run import Run

if TYPE_CHECKING:
    from datasets import Dataset

    from audio_ft.cleaning.cleaned import Cleaned

# All browsers play MP3, at a fifth of FLAC's size. These are its sampling rates in Hz, as far as speech needs.
PLAYER_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000)
# The many recordings that are only looked through take 24 kbit/s of speech (measured; 48 at the usual compression).
COMPACT_RATES, SMALLEST = PLAYER_RATES[:4], 0.99
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
    """Hold the (table, row) of each recording of a run by key.

    `chain` is the cleaning that the stored ones still need of the `full_chain`; `trained` are the transcripts of the
    training split, of runs that transcribe.
    """

    rows: Mapping[str, tuple[Dataset, int]]
    chain: Chain
    full_chain: Chain
    trained: tuple[str, ...] = ()

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
        known = loaded.splits.get("train") if run.target.by_words and not run.folds else None
        trained = tuple(run.target.encode(list(known["target"]))) if known is not None else ()
        return cls(rows, run.recipe.steps.remaining(loaded.chain), run.recipe.steps, trained)

    def table(self, keys: Sequence[str]) -> Dataset:
        """Return the rows of recordings that are in one table, as those of a split are; others are left out."""
        places = [self.rows[key] for key in keys if key in self.rows]
        first = places[0][0]
        return first.select([row for table, row in places if table is first])

    def cleaned(self, table: Dataset, rate: int) -> Cleaned:
        """Return the rows of `table` after cleaning, from the cache where they are in it.

        Raises:
            InputError: none of the recordings can be read.
        """
        return clean_rows(table, self.chain, rate)

    def raw(self, key: str) -> Clip | None:
        """Return a recording before cleaning, or None if it is missing or unreadable."""
        if key not in self.rows:
            return None
        table, row = self.rows[key]
        try:
            return read(source_of(table[row]))
        except AudioError:
            return None

    def trace(self, key: str) -> TracedClip | None:
        """Return a recording and the result of each step, or None if it is missing or unreadable."""
        raw = self.raw(key)
        try:
            return None if raw is None else TracedClip(raw, tuple(self.chain.trace(raw)))
        except AudioError:
            return None


def recordings_of(run: Run, *, audio: bool) -> tuple[Recordings | None, str]:
    """Return the recordings of a run and "", or None and the reason why the page has none."""
    if not audio:
        return None, "This page was made without recordings."
    try:
        return Recordings.of(run), ""
    except AudioFTError as error:
        reason = str(error)
        for path in (one.path for one in run.recipe.data.each):
            reason = reason.replace(path, display_name(path))  # the folders above are private
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


def compact(clip: Clip, seconds: float) -> str:
    """Return the first seconds of a clip as MP3 in base64, at most half the size of a player's and still clear."""
    rate = next((rate for rate in COMPACT_RATES if rate >= clip.rate), COMPACT_RATES[-1])
    small = Resample(rate)(Mono()(clip.with_samples(clip.samples[:, : round(seconds * clip.rate)])))
    return base64.b64encode(encode(small.samples, rate, Path("clip.mp3"), compression=SMALLEST)).decode("ascii")


def progress(items: Sequence[Any], description: str) -> Iterable[Any]:
    """Yield the items, with a progress bar on terminals if it takes over two seconds."""
    return progress_bar(items, desc=description, unit="recording")
