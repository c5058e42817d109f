"""The recordings of a run, found again by their keys, heard before and after cleaning, and packed into players."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.codec.encode import encode_bytes
from audio_ft.cleaning.steps import Mono, Resample
from audio_ft.data import load
from audio_ft.errors import AudioError

if TYPE_CHECKING:
    from datasets import Dataset

    from audio_ft.cleaning.chain import Chain
    from audio_ft.cleaning.step import Step
    from audio_ft.run import Run

# MP3 plays in every browser, Safari included, at a fifth of FLAC's size; these are the rates it knows, up to one above
# which speech gains nothing.
PLAYER_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000)
PLAYER_SUFFIX, PLAYER_TYPE = ".mp3", "audio/mpeg"
# Seconds of a long recording that its player holds: the page must stay small enough to be sent.
PLAYER_SECONDS = 30.0


@dataclass(frozen=True)
class Heard:
    """Hold a recording as it is and as each step of the chain left it."""

    raw: Clip
    trace: tuple[tuple[Step, Clip], ...]

    @property
    def clean(self) -> Clip:
        """Return what the network hears."""
        return self.trace[-1][1] if self.trace else self.raw


@dataclass(frozen=True)
class Player:
    """Hold compressed sound as a data URI; `cut` where it is only the beginning of a longer recording."""

    uri: str
    seconds: float
    cut: bool


@dataclass(frozen=True)
class Recordings:
    """Find the recordings of a run by their keys; `chain` is what is still to be done to them."""

    tables: Mapping[str, Dataset]
    places: Mapping[str, tuple[str, int]]
    chain: Chain

    @classmethod
    def of(cls, run: Run) -> Recordings:
        """Find the data that a run was trained on.

        Raises:
            InputError: it is no longer there, or no longer what it was.
        """
        loaded = load(run.recipe.data, known=run.target)
        places = {
            key: (split, row) for split, table in loaded.splits.items() for row, key in enumerate(list(table["key"]))
        }
        return cls(loaded.splits, places, run.recipe.steps.remaining(loaded.chain))

    def hear(self, key: str) -> Heard | None:
        """Return a recording before and after each step, or None where it is gone or cannot be read any more."""
        if key not in self.places:
            return None
        split, row = self.places[key]
        audio: dict[str, Any] = self.tables[split][row]["audio"]
        try:
            raw = read(audio["bytes"] if audio.get("bytes") is not None else audio["path"])
            return Heard(raw, tuple(self.chain.trace(raw)))
        except AudioError:
            return None


def player(clip: Clip) -> Player | None:
    """Return a clip as sound that a browser plays, in one channel; None for a clip without any."""
    rate = next((rate for rate in PLAYER_RATES if rate >= clip.rate), PLAYER_RATES[-1])
    start = clip.with_samples(clip.samples[:, : round(PLAYER_SECONDS * clip.rate)])
    small = Resample(rate)(Mono()(start))
    if not small.length:
        return None
    content = base64.b64encode(encode_bytes(small.samples, rate, PLAYER_SUFFIX)).decode("ascii")
    return Player(f"data:{PLAYER_TYPE};base64,{content}", clip.seconds, clip.seconds > PLAYER_SECONDS)
