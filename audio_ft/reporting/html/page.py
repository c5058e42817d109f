"""The page as data, and the templates that make HTML of it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft import __version__
from audio_ft.formatting import format_duration
from audio_ft.reporting.html.figures import colors
from audio_ft.reporting.html.recordings import PLAYER_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from audio_ft.metrics import Score
    from audio_ft.reporting.html.cleaning import Effects
    from audio_ft.reporting.html.figures import Picture
    from audio_ft.reporting.html.recordings import Player
    from audio_ft.reporting.html.scores import Bar, ClassRow, Headline
    from audio_ft.targets import Target
    from audio_ft.targets.judged import Confusion, Judged, Word

TEMPLATES = Path(__file__).parents[2] / "assets" / "report"


@dataclass(frozen=True)
class Shown:
    """Hold one error: the clip, its words side by side (transcripts), spectrogram and player where there are any."""

    clip: Judged
    words: tuple[Word, ...] = ()
    picture: Picture | None = None
    player: Player | None = None


@dataclass(frozen=True)
class SplitRow:
    """Count one split: recordings, seconds before and after cleaning, and recordings set aside."""

    split: str
    clips: int
    before: float
    after: float
    unreadable: int


@dataclass(frozen=True)
class Example:
    """Hold one recording before and after cleaning."""

    why: str
    file: str
    before_seconds: float
    after_seconds: float
    picture: Picture | None
    before: Player | None
    after: Player | None


@dataclass(frozen=True)
class CleaningShown:
    """Hold the section on cleaning: the chain in words, the splits, what was noticed, the steps, and examples."""

    chain: str
    splits: tuple[SplitRow, ...]
    noticed: tuple[tuple[str, int], ...]
    effects: Effects | None
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Trust:
    """Hold the section on confidence: what calibration shows in words, figures, and accuracy of the surest answers.

    `surest` holds (share answered, least probability, accuracy).
    """

    said: tuple[str, ...]
    pictures: tuple[Picture, ...]
    surest: tuple[tuple[float, float, Score], ...]


@dataclass(frozen=True)
class SliceRow:
    """Hold one part of the test split: what it is, its clips, its score, the score of all others, and their place."""

    column: str
    value: str
    n: int
    score: Score
    rest: Score
    bar: Bar
    stands_out: bool


@dataclass(frozen=True)
class SlicesShown:
    """Hold the section on slices: verdict, the score they are compared by, the rows, and the whole split's place."""

    verdict: str
    metric: str
    rows: tuple[SliceRow, ...]
    overall: Bar


@dataclass(frozen=True)
class LevelRow:
    """Hold one level of a perturbation: what recordings went through, the score (None: nothing heard), what it lost."""

    perturbation: str
    said: str
    score: Score | None
    difference: float | None
    worse: bool
    failed: int


@dataclass(frozen=True)
class Robustness:
    """Hold the section on robustness: a summary in words, the score, a curve for each perturbation, every level."""

    said: tuple[str, ...]
    metric: str
    pictures: tuple[Picture, ...]
    rows: tuple[LevelRow, ...]


@dataclass(frozen=True, kw_only=True)
class Page:
    """Hold all that the templates show; `silent` says why there are no players, "" where there are."""

    title: str
    target: Target
    created: str
    lead: str
    facts: Sequence[tuple[str, str]]
    warnings: Sequence[str]
    intervals: str
    headlines: Sequence[Headline]
    columns: Mapping[str, str]
    scores: Sequence[tuple[str, Mapping[str, Score]]]
    states: Sequence[str]
    kept: Sequence[tuple[str, Mapping[str, Score]]]
    best: Mapping[str, Any]
    learning: Sequence[Picture] = ()
    predictions_lead: str
    confusion: Sequence[Picture] = ()
    confusions: Sequence[Confusion]
    trust: Trust | None
    slices: SlicesShown
    robustness: Robustness | None
    classes: Sequence[ClassRow]
    errors_lead: str
    worst: Sequence[Shown]
    all_clips: Sequence[Judged]
    left_out: int
    grouped: str
    silent: str
    cleaning: CleaningShown
    making: Sequence[tuple[str, str]]
    unreadable: Sequence[tuple[str, str]]
    settings: Sequence[tuple[str, str]]
    versions: Sequence[tuple[str, str]]

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Return the sections that there is something for: the template's name, and the heading."""
        wording = self.target.wording
        there = {
            "scores": ("Scores", True),
            "errors": (wording.errors_title, True),
            "answers": (wording.predictions_title, bool(wording.predictions_title)),
            "trust": ("Confidence", self.trust is not None),
            "slices": ("Slices", True),
            "robustness": ("Robustness", self.robustness is not None),
            "learning": ("Learning", bool(self.learning)),
            "cleaning": ("Cleaning", True),
            "making": ("How it was made", True),
        }
        return [(name, heading) for name, (heading, shown) in there.items() if shown]


def render(page: Page) -> str:
    """Return the page as one HTML document that asks nothing of any network."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"interval": interval, "duration": format_duration, "share": share}
    # Style and script are our own files, with nothing of the run in them; all else is escaped.
    css = (TEMPLATES / "page.css").read_text(encoding="utf-8") + plot_colors()
    js = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        page=page,
        version=__version__,
        longest=f"{PLAYER_SECONDS:g}",
        css=Markup(css),
        js=Markup(js),
        policy=policy(js),
    )


def policy(js: str) -> str:
    """Return a Content-Security-Policy that lets nothing run but our own script, and nothing load from anywhere.

    Styles are not pinned by digest, because every line of an inline figure has a style of its own.
    """
    digest = base64.b64encode(hashlib.sha256(js.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def plot_colors() -> str:
    """Return the style rules that give figures the colors of light and dark."""
    light = "".join(f"--plot-{name}:{value};" for name, value, _ in colors() if name != "background")
    both = "".join(f"--plot-{name}:light-dark({one},{other});" for name, one, other in colors() if name != "background")
    return (
        f":root{{{light}--plot-background:var(--paper)}}\n.card{{--plot-background:var(--raised)}}\n"
        f"@supports (color: light-dark(#fff, #000)) {{ :root{{{both}}} }}\n"
    )


def interval(score: Score) -> str:
    """Return the interval of a score as its text has it: "[0.795, 0.969]"."""
    return str(score).partition(" ")[2]


def share(before: float, after: float) -> str:
    """Return the share that went, as "2.1 %"."""
    return f"{100 * (before - after) / before:.1f} %" if before > 0 else "–"
