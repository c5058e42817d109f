"""A recording as HTML for notebooks and reports: a player with embedded audio and the waveform as SVG."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.audio.codec.encode import encode_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A notebook stores its output: a minute of CD audio takes 14 MB in it.
MAX_SECONDS = 60.0
_WIDTH, _HEIGHT, _POINTS = 600, 72, 600


def player_html(samples: NDArray[np.float32], rate: int, notes: Sequence[str] = ()) -> str:
    """Return HTML for samples (channels, time) at `rate` Hz: a description, the waveform, a player and the notes.

    It inherits the colors of the page. Of longer recordings it plays the first minute.
    """
    length = samples.shape[1]
    parts = [f"<div>{_description(samples, rate)}</div>"]
    if length:
        cut = samples[:, : round(MAX_SECONDS * rate)]
        sound = base64.b64encode(encode_bytes(cut, rate, ".wav")).decode()
        parts += [
            waveform_svg(samples),
            f'<audio controls preload="metadata" style="width:100%" src="data:audio/wav;base64,{sound}"></audio>',
        ]
        if length > cut.shape[1]:
            parts.append(f"<div>plays the first {MAX_SECONDS:.0f} s of {length / rate:,.1f} s</div>")
    parts += [f"<div>note: {html.escape(note)}</div>" for note in notes]
    return f'<div style="max-width:{_WIDTH}px;font-family:sans-serif;font-size:13px">{"".join(parts)}</div>'


def waveform_svg(samples: NDArray[np.float32]) -> str:
    """Return an <svg> of the waveform of samples (channels, time), one row per channel, scaled to the highest peak."""
    channels, length = samples.shape
    starts = np.linspace(0, length, min(_POINTS, length), endpoint=False).astype(int)
    # Each segment includes the start of the next, so the outline has no gaps where the wave is steep.
    lows, highs = np.minimum.reduceat(samples, starts, axis=1), np.maximum.reduceat(samples, starts, axis=1)
    scale = max(float(np.abs(samples).max()), 1e-9)
    across = np.linspace(0, _WIDTH, len(starts)) if len(starts) > 1 else np.array([_WIDTH / 2])
    paths = []
    for channel in range(channels):
        middle = _HEIGHT * (channel + 0.5)
        upper = middle - highs[channel] / scale * (_HEIGHT / 2 - 2)
        lower = middle - lows[channel] / scale * (_HEIGHT / 2 - 2)
        forth = [f"{x:.1f},{y:.1f}" for x, y in zip(across, upper, strict=True)]
        back = [f"{x:.1f},{y:.1f}" for x, y in zip(across[::-1], lower[::-1], strict=True)]
        paths.append(f'<path d="M{" ".join([*forth, *back])}Z"/>')
    height = _HEIGHT * channels
    return (
        f'<svg role="img" aria-label="waveform" viewBox="0 0 {_WIDTH} {height}" width="100%" style="display:block" '
        f'preserveAspectRatio="none" fill="#0072b2" stroke="#0072b2" stroke-width="0.8">{"".join(paths)}</svg>'
    )


def _description(samples: NDArray[np.float32], rate: int) -> str:
    channels, length = samples.shape
    peak = float(np.abs(samples).max(initial=0))
    level = f"peak {20 * math.log10(peak):.1f} dBFS" if peak else "silent" if length else "empty"
    count = f"{channels} channel{'s' if channels != 1 else ''}"
    return f"{length / rate:,.2f} s · {rate:,} Hz · {count} · {level}"
