"""What is known of a data set without names of people, places and recordings, and transcripts, for its pages.

Kept is what is listed here: numbers, classes and measurements. Recordings and groups become numbers, in the order of
the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from audio_ft.data.table.columns import GROUP, among
from audio_ft.evaluation.voices import SAME_VOICE
from audio_ft.reporting.anonymize import DATA, LEFT_OUT
from audio_ft.targets import target_class

if TYPE_CHECKING:
    from audio_ft.data.findings import Finding
    from audio_ft.doctor.inspection import Inspection, Recording
    from audio_ft.doctor.measure import Measured
    from audio_ft.evaluation.doubts import Doubts

# Findings whose sentences quote file names, cells and columns.
QUOTING = ("note", "leak")


def anonymized_inspection(found: Inspection) -> Inspection:
    """Return an inspection with numbers for recordings and groups, and masks for transcripts."""
    names = numbered("recording", (one.key for one in found.recordings))
    groups = numbered("group", (one.group for one in found.recordings if one.group))
    return replace(
        found,
        path=DATA,
        rule=_rule(found.rule, found.group),
        group=_group(found.group),
        problem=found.problem and f"the reason is {LEFT_OUT}; without --anonymize it is shown",
        unreadable=tuple((names[key], LEFT_OUT) for key, _ in found.unreadable),
        duplicates=tuple(tuple(names[key] for key in keys) for keys in found.duplicates),
        findings=tuple(_finding(finding, names, groups) for finding in found.findings),
        recordings=tuple(_recording(one, names, groups, found.kind) for one in found.recordings),
        reading="",
        leaks=LEFT_OUT if found.leaks else "",
    )


def anonymized_doubts(found: Doubts) -> Doubts:
    """Return label doubts with numbers for recordings and groups, and masks for transcripts."""
    names = numbered("recording", list(found.table["key"]))
    groups = numbered("group", (group for group in list(found.table["group"]) if group))
    clips = tuple(
        replace(
            clip,
            file=names[clip.file],
            group=clip.group and groups[clip.group],
            target=masked(clip.target, found.kind),
            suggestion=masked(clip.suggestion, found.kind),
        )
        for clip in found.clips
    )
    return replace(found, clips=clips, unreadable=tuple((names[key], LEFT_OUT) for key, _ in found.unreadable),
                   method=tuple(_without_column(line, found.grouped_by) for line in found.method),
                   warnings=())  # fmt: skip


def numbered(what: str, names: Iterable[str]) -> dict[str, str]:
    """Return "recording 1", "recording 2" and so on for each name, in their order.

    Example:
        >>> numbered("group", ["Ann", "Bo", "Ann"])
        {'Ann': 'group 1', 'Bo': 'group 2'}
    """
    return {name: f"{what} {number}" for number, name in enumerate(dict.fromkeys(names), start=1)}


def masked(target: Any, kind: str) -> Any:
    """Return a transcript with "word" for each of its words; other targets as they are.

    Example:
        >>> masked("call Ann now", "transcript"), masked("yes", "label")
        ('word word word', 'yes')
    """
    return " ".join("word" for _ in str(target).split()) if target_class(kind).by_words else target


def _group(column: str | None) -> str | None:
    return column if column is None or among(column, GROUP) else "group"


def _rule(rule: str, group: str | None) -> str:
    """Return how splits are made; those of the data may be named by files and folders."""
    made = not rule or rule.startswith(("made here", "no splits in the data"))
    return _without_column(rule, group) if made else "given by the data"


def _without_column(text: str, group: str | None) -> str:
    return re.sub(rf"\b{re.escape(group)}(?!\w)", str(_group(group)), text) if group else text


def _finding(finding: Finding, names: Mapping[str, str], groups: Mapping[str, str]) -> Finding:
    """Return a finding about numbered recordings; a sentence with names loses them, or has numbers in their place."""
    sentence = finding.sentence
    if finding.name in QUOTING:
        sentence = f"something about how the data is read ({LEFT_OUT}; without --anonymize it is shown)"
    elif finding.name == SAME_VOICE:
        quoted = {repr(name): f"'{number}'" for name, number in groups.items()}
        anywhere = "|".join(re.escape(name) for name in sorted(quoted, key=len, reverse=True))
        sentence = re.sub(anywhere, lambda found: quoted[found[0]], sentence)
    elif finding.together:  # it ends with the first copies, "(a.wav = b.wav)"
        sentence = sentence.replace(f" ({' = '.join(finding.together[0][:2])})", "")
    for key in sorted(finding.keys, key=len, reverse=True):
        sentence = sentence.replace(key, names.get(key, LEFT_OUT)) if key in sentence else sentence
    together = tuple(tuple(names[key] for key in keys if key in names) for keys in finding.together)
    keys = tuple(names[key] for key in finding.keys if key in names)
    return replace(finding, sentence=sentence, keys=keys, together=together)


def _recording(one: Recording, names: Mapping[str, str], groups: Mapping[str, str], kind: str) -> Recording:
    header = replace(one.header, key=names[one.key], path="", content="", error=one.header.error and LEFT_OUT)
    return replace(
        one,
        key=names[one.key],
        target=masked(one.target, kind),
        group=one.group and groups[one.group],
        header=header,
        measured=one.measured and _measured(one.measured),
    )


def _measured(one: Measured) -> Measured:
    """Return measurements without what would recognize the recording."""
    return replace(one, digest="", fingerprint="", notes=tuple(note.partition(":")[0] for note in one.notes))
