"""A recording as HTML for notebooks and reports: a player with embedded audio and the waveform as SVG."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.codec.encode import encode

# A notebook stores its output: a minute of CD audio takes 14 MB in it.
MAX_SECONDS = 60.0
_WIDTH, _HEIGHT, _POINTS = 600, 72, 600


def player_html(samples: NDArray[np.float32], rate: int, notes: Sequence[str] = ()) -> str:
    """Return HTML for samples (channels, time) at `rate` Hz: a description, the waveform, a player and the notes.

    It inherits the colors of the page. Of longer recordings it plays the first minute.
    """
    channels, length = samples.shape
    peak = float(np.abs(samples).max(initial=0))
    level = f"peak {20 * math.log10(peak):.1f} dBFS" if peak else "silent" if length else "empty"
    count = f"{channels} channel{'s' if channels != 1 else ''}"
    parts = [f"<div>{length / rate:,.2f} s · {rate:,} Hz · {count} · {level}</div>"]
    if length:
        cut = samples[:, : round(MAX_SECONDS * rate)]
        sound = base64.b64encode(encode(cut, rate, Path("clip.wav"))).decode()
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
    middles = _HEIGHT * (np.arange(channels)[:, np.newaxis] + 0.5)
    scale = (_HEIGHT / 2 - 2) / max(float(np.abs(samples).max()), 1e-9)
    upper = middles - scale * np.maximum.reduceat(samples, starts, axis=1)
    lower = middles - scale * np.minimum.reduceat(samples, starts, axis=1)
    across = np.linspace(0, _WIDTH, len(starts)) if length > 1 else np.array([_WIDTH / 2])
    x = np.append(across, across[::-1])
    paths = []
    for outline in np.hstack([upper, lower[:, ::-1]]):
        points = (f"{at:.1f},{height:.1f}" for at, height in zip(x, outline, strict=True))
        paths.append(f'<path d="M{" ".join(points)}Z"/>')
    height = _HEIGHT * channels
    return (
        f'<svg role="img" aria-label="waveform" viewBox="0 0 {_WIDTH} {height}" width="100%" style="display:block" '
        f'preserveAspectRatio="none" fill="#0072b2" stroke="#0072b2" stroke-width="0.8">{"".join(paths)}</svg>'
    )
