"""Write what happens when as label tracks: of Audacity, of NIST (RTTM) and of Praat (TextGrid)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

Segments = Sequence[Mapping[str, Any]]  # {"start", "end", "text", "tier"?}, in seconds and in order

# The tier of segments that name none.
TIER = "text"
_TEXTGRID = """\
File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = {seconds:.6f}
tiers? <exists>
size = {count}
item []:
"""


def audacity(segments: Segments, name: str, seconds: float) -> str:
    """Return segments as a label track of Audacity: start, end and text with tabs between them."""
    return "".join(f"{one['start']:.6f}\t{one['end']:.6f}\t{_line(one['text'])}\n" for one in segments)


def rttm(segments: Segments, name: str, seconds: float) -> str:
    """Return segments as RTTM, each of the speaker that its text names; spaces, which divide its cells, become _."""
    recording = _word(PurePath(name).stem)
    return "".join(
        f"SPEAKER {recording} 1 {one['start']:.3f} {one['end'] - one['start']:.3f} "
        f"<NA> <NA> {_word(one['text'])} <NA> <NA>\n"
        for one in segments
    )


def textgrid(segments: Segments, name: str, seconds: float) -> str:
    """Return segments as a TextGrid with an interval tier for each of their tiers, and gaps as empty intervals.

    Intervals of one tier cannot overlap; one that begins before the last has ended is cut.
    """
    seconds = max([seconds, *(float(one["end"]) for one in segments)])
    tiers: dict[str, list[tuple[float, float, str]]] = {}
    for one in segments:
        tier = tiers.setdefault(one.get("tier", TIER), [])
        start = max(float(one["start"]), tier[-1][1] if tier else 0.0)
        if start < one["end"]:
            tier.append((start, float(one["end"]), _line(one["text"])))
    tiers = tiers or {TIER: []}
    filled = [(tier, _filled(tiers[tier], seconds)) for tier in sorted(tiers)]
    items = [_tier(number, *pair, seconds) for number, pair in enumerate(filled, 1)]
    return _TEXTGRID.format(seconds=seconds, count=len(tiers)) + "".join(items)


def _filled(intervals: Sequence[tuple[float, float, str]], seconds: float) -> list[tuple[float, float, str]]:
    """Return intervals with empty ones between them, from 0 to the end of the recording."""
    filled, end = [], 0.0
    for start, stop, text in [*intervals, (seconds, seconds, "")]:
        if start > end:
            filled.append((end, start, ""))
        if stop > start:
            filled.append((start, stop, text))
        end = max(end, stop)
    return filled


def _tier(number: int, name: str, intervals: Sequence[tuple[float, float, str]], seconds: float) -> str:
    lines = [
        f"    item [{number}]:",
        '        class = "IntervalTier"',
        f"        name = {_quoted(_line(name))}",
        "        xmin = 0",
        f"        xmax = {seconds:.6f}",
        f"        intervals: size = {len(intervals)}",
    ]
    for place, (start, stop, text) in enumerate(intervals, 1):
        lines += [
            f"        intervals [{place}]:",
            f"            xmin = {start:.6f}",
            f"            xmax = {stop:.6f}",
            f"            text = {_quoted(text)}",
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _line(text: str) -> str:
    """Return text on one line, without tabs and control characters."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _word(text: str) -> str:
    return "_".join(_line(text).split()) or "_"
