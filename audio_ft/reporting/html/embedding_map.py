"""A map of the test clips: the embeddings of the model in two dimensions, colored by truth and by error."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import AudioFTError
from audio_ft.evaluation.clusters import in_plane, principal
from audio_ft.inference.embeddings import Encoder
from audio_ft.plots.theme import LIGHT
from audio_ft.run import Run
from audio_ft.targets.judged import Judged

if TYPE_CHECKING:
    from audio_ft.reporting.html.recordings import Recordings

logger = logging.getLogger(__name__)

# A map of more clips takes minutes and cannot be read; they are chosen evenly.
MOST_CLIPS = 500
# Fewer clips are no map.
FEWEST_CLIPS = 8
# With more classes than these, colors and shapes would repeat, and dots are colored by error alone.
MOST_CLASSES = 4 * len(LIGHT.series)
# The shapes of dots around their position, each color comes with each of them: circle, square, triangle, diamond.
_SHAPES = ("m-1.1 0a1.1 1.1 0 1 0 2.2 0a1.1 1.1 0 1 0-2.2 0", "m-1-1h2v2h-2z", "m0-1.3l1.2 2.1h-2.4z",
           "m0-1.4l1.2 1.4l-1.2 1.4l-1.2-1.4z")  # fmt: skip


@dataclass(frozen=True)
class Dot:
    """Hold a clip on the map: its path in SVG, the number of its color, whether it is wrong, its text and its row."""

    path: str
    color: int
    wrong: bool
    text: str
    row: int


def embedding_map(run: Run, clips: Sequence[Judged], recordings: Recordings | None) -> dict[str, Any] | None:
    """Return the dots of a run's test clips, and how the map was made; None where model or recordings are missing."""
    if recordings is None or run.folds or not run.model_folder.is_dir() or len(clips) < FEWEST_CLIPS:
        return None
    started = time.monotonic()
    rows = np.linspace(0, len(clips) - 1, min(len(clips), MOST_CLIPS)).round().astype(int).tolist()
    try:
        vectors, rows = _embeddings(run, clips, rows, recordings)
    except AudioFTError as error:
        logger.warning("warning: the page has no map of the recordings: %s", error)
        return None
    if len(rows) < FEWEST_CLIPS:
        return None
    places = in_two_dimensions(vectors)
    classes = sorted({clips[row].reference for row in rows}) if run.target.exclusive else []
    if len(classes) > MOST_CLASSES:
        classes = []
    numbers = {label: number for number, label in enumerate(classes)}
    dots = [_dot(clips[row], row, place, numbers.get(clips[row].reference, 0))
            for row, place in zip(rows, places.tolist(), strict=True)]  # fmt: skip
    legend = [(label, f"M2 2{_SHAPES[number // len(LIGHT.series)]}", number % len(LIGHT.series))
              for label, number in numbers.items()]  # fmt: skip
    return {"dots": dots, "legend": legend, "of": len(clips), "seconds": time.monotonic() - started}


def in_two_dimensions(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return positions (clips, 2) from 3 to 97 of vectors (clips, width): t-SNE over their principal components."""
    found, _ = in_plane(principal(vectors), "tsne")
    low, high = found.min(axis=0), found.max(axis=0)
    return np.asarray(3 + 94 * (found - low) / np.where(high > low, high - low, 1), np.float64)


def _embeddings(
    run: Run, clips: Sequence[Judged], rows: Sequence[int], recordings: Recordings
) -> tuple[NDArray[np.float32], list[int]]:
    """Return the vectors of readable clips, the mean over time of the encoder's last layer, and their rows."""
    table = recordings.table([clips[row].file for row in rows])
    encoder = Encoder.load(str(run.model_folder), chain=recordings.full_chain).covering(table)
    cleaned = recordings.cleaned(table, encoder.adapter.sample_rate)
    of_file = {clips[row].file: row for row in rows}
    keys = list(table["key"])
    last = encoder.embed(cleaned)[:, -1]
    return last[:, : last.shape[1] // 2], [of_file[keys[clip]] for clip in cleaned.used.tolist()]


def _dot(clip: Judged, row: int, place: Sequence[float], number: int) -> Dot:
    shape, color = divmod(number, len(LIGHT.series))
    text = f"{clip.file}: {clip.reference}" + (f", predicted {clip.prediction}" if clip.wrong else "")
    return Dot(f"M{place[0]:.1f} {place[1]:.1f}{_SHAPES[shape]}", color, clip.wrong, text[:160], row)
