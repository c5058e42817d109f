"""Figures of the page: inline SVG in the colors of the page, so that one figure fits the light and the dark theme."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audio_ft.audio.clip import Clip
from audio_ft.plots.audio import before_after
from audio_ft.plots.classification import confusion_matrix
from audio_ft.plots.export import to_svg
from audio_ft.plots.theme import DARK, LIGHT
from audio_ft.plots.training import learning_curves
from audio_ft.run import Run
from audio_ft.targets.judged import Judged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Widths in inches. Narrow figures stay readable on phones, which shrink them.
SMALL, NARROW, MEDIUM = 3.1, 4.2, 5.2
# Confusion matrices of more classes scroll sideways and are not shrunk.
MOST_CLASSES_SHRUNK = 14


@dataclass(frozen=True)
class Picture:
    """Hold a figure for the page.

    Attributes:
        svg: an <svg> element in the colors of the page.
        dark: a second one for the dark theme, if colors cannot follow the page; otherwise "".
        fit: "shrink" (its own size or the width of the screen), "full" (the width of the text) or "scroll" (its own
            size, scrolling sideways).
    """

    svg: str
    dark: str = ""
    fit: str = "shrink"


def picture(figure: Figure, *, alt: str = "", fit: str = "shrink") -> Picture:
    """Convert a figure drawn in `LIGHT`; `alt` is its text for screen readers, the figure's own name if empty."""
    svg = to_svg(figure, alt=alt)
    for name, light, _ in colors():
        svg = svg.replace(light, f"var(--plot-{name})")
    return Picture(svg, fit=fit)


def colors() -> Iterator[tuple[str, str, str]]:
    """Yield each color of the figures: its name in the style sheet, and its value in the light and the dark theme."""
    for name in ("background", "ink", "muted", "grid"):
        yield name, getattr(LIGHT, name), getattr(DARK, name)
    for number, (light, dark) in enumerate(zip(LIGHT.series, DARK.series, strict=True)):
        yield f"series-{number}", light, dark


def learning(run: Run, *, alt: str = "") -> Picture | None:
    """Return the learning curves; None for a run too short to log any."""
    logged = any("loss" in entry or "eval_loss" in entry for entry in run.history)
    return picture(learning_curves(run, width=MEDIUM), alt=alt, fit="full") if logged else None


def confusion(clips: Sequence[Judged], labels: Sequence[str], *, alt: str = "") -> Picture:
    """Return the confusion matrix, drawn for each theme because its shades start at the background color."""
    references, predictions = [clip.reference for clip in clips], [clip.prediction for clip in clips]
    light, dark = (
        to_svg(confusion_matrix(references, predictions, labels, theme=theme), alt=alt) for theme in (LIGHT, DARK)
    )
    return Picture(light, dark, fit="scroll" if len(labels) > MOST_CLASSES_SHRUNK else "shrink")


def cleaned(before: Clip, after: Clip, file: str) -> Picture | None:
    """Return waveform and mel spectrogram of a recording before and after cleaning; None if one is empty."""
    if not before.length or not after.length:
        return None
    alt = f"Waveform and mel spectrogram of {file} before and after cleaning"
    return picture(before_after(before, after, width=1.2 * MEDIUM), alt=alt, fit="full")
