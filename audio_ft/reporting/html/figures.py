"""Figures of the page: inline SVG whose colors are the page's own, so that light and dark are one figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audio_ft.evaluation.calibration import BINS
from audio_ft.plots import audio
from audio_ft.plots.answers import confusion_matrix, reliability, selective_accuracy
from audio_ft.plots.comparisons import stress_curve
from audio_ft.plots.pictures import to_svg
from audio_ft.plots.theme import DARK, LIGHT
from audio_ft.plots.training import learning_curves

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure

    from audio_ft.audio.clip import Clip
    from audio_ft.metrics import Score
    from audio_ft.run import Run

# Inches. Narrow figures keep their text readable where a phone shrinks them to its width.
SMALL, NARROW, MIDDLE = 3.1, 4.2, 5.2
# A confusion matrix of more classes than these is not shrunk either.
BROAD_FROM = 14


@dataclass(frozen=True)
class Picture:
    """Hold a figure for the page.

    Attributes:
        svg: an <svg> element; its colors follow the page.
        dark: another to stand in its place in the dark, where a figure cannot follow; "" where it can.
        caption: what it shows, in words for all readers.
        fit: "none" (at its own size, shrunk where the screen is narrower), "full" (as wide as the text), or "broad"
            (at its own size, scrolling sideways).
    """

    svg: str
    dark: str = ""
    caption: str = ""
    fit: str = "none"


def picture(figure: Figure, *, words: str = "", caption: str = "", fit: str = "none") -> Picture:
    """Turn a figure in the light theme into one that follows the page.

    Args:
        figure: drawn in `LIGHT`.
        words: what a screen reader says of it; the figure's own name where empty.
        caption: what it shows, for all readers.
        fit: how it takes up the width of the page, see `Picture`.
    """
    svg = to_svg(figure, alt=words)
    for name, light, _ in colors():
        svg = svg.replace(light, f"var(--plot-{name})")
    return Picture(svg, caption=caption, fit=fit)


def colors() -> Iterator[tuple[str, str, str]]:
    """Yield each color of the figures: its name in the style sheet, and what it is in light and in dark."""
    for name in ("background", "ink", "muted", "grid"):
        yield name, getattr(LIGHT, name), getattr(DARK, name)
    for place, (light, dark) in enumerate(zip(LIGHT.series, DARK.series, strict=True)):
        yield f"series-{place}", light, dark


def learning(run: Run) -> list[Picture]:
    """Return the learning curves; nothing for a run too short to have logged any."""
    if not any("loss" in entry or "eval_loss" in entry for entry in run.history):
        return []
    kept = f"The dashed line is the checkpoint that was kept, step {run.best['step']:,}."
    caption = f"Loss and validation scores over optimizer steps. {kept}"
    return [picture(learning_curves(run, width=MIDDLE), caption=caption, fit="full")]


def confusion(references: Sequence[str], predictions: Sequence[str], labels: Sequence[str]) -> list[Picture]:
    """Return the confusion matrix, drawn twice: its shades are those of one background."""
    light, dark = (to_svg(confusion_matrix(references, predictions, labels, theme=theme)) for theme in (LIGHT, DARK))
    right = sum(truth == said for truth, said in zip(references, predictions, strict=True))
    caption = (
        f"Test recordings by true class (rows) and by class answered (columns). {right:,} of {len(references):,} lie "
        "on the diagonal and are right; a shade is the share of its row."
    )
    return [Picture(light, dark, caption, fit="broad" if len(labels) > BROAD_FROM else "none")]


def trust(confidences: Sequence[float], right: Sequence[bool]) -> list[Picture]:
    """Return the reliability curve, and accuracy against the share answered."""
    return [
        picture(
            reliability(confidences, right, bins=BINS, width=NARROW),
            caption="How often answers of about the same confidence are right, with 95 % intervals; on the dashed line "
            "confidence keeps its word. Below, how many answers there are of each.",
        ),
        picture(
            selective_accuracy(confidences, right, width=NARROW),
            caption="How many answers are right when only the surest share of recordings is answered, with the 95 % "
            "interval shaded.",
        ),
    ]


def perturbation(
    levels: Sequence[tuple[float, Score]], *, title: str, unit: str, metric: str, clean: Score, caption: str
) -> Picture:
    """Return the score at each level of a perturbation."""
    figure = stress_curve(
        [level for level, _ in levels],
        [score for _, score in levels],
        metric=metric,
        perturbation=title,
        unit=unit,
        clean=clean,
        width=SMALL,
    )
    return picture(figure, caption=caption)


def spectrogram(clip: Clip, file: str, *, broad: bool) -> Picture | None:
    """Return the mel spectrogram beside a player, `broad` where words need room; None for a clip without a sample."""
    return (
        picture(audio.mel(clip, width=NARROW if broad else SMALL), words=f"Mel spectrogram of {file}")
        if clip.length
        else None
    )


def before_after(before: Clip, after: Clip, file: str, caption: str) -> Picture | None:
    """Return waveform and mel spectrogram of a recording before and after cleaning."""
    if not before.length or not after.length:
        return None
    return picture(
        audio.before_after(before, after, width=1.2 * MIDDLE),
        words=f"Waveform and mel spectrogram of {file} before and after cleaning",
        caption=caption,
        fit="full",
    )
