"""Findings that need no samples: leaks between splits, copies, classes, and what headers say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from audio_ft.data.findings import Finding
from audio_ft.data.probe import Probed
from audio_ft.data.rows import Rows
from audio_ft.data.splitting.splits import FLATTERS
from audio_ft.doctor.facts import SplitFacts
from audio_ft.formatting import counted, first_five

# A class below this share of the largest one is rarely learned without weights.
IMBALANCE = 0.1
FEW_CLIPS = 10
SHORT_SECONDS, LONG_SECONDS = 0.1, 30.0
LOW_RATE = 16_000


def are(keys: Sequence[str]) -> str:
    """Return "1 recording is", "2 recordings are"."""
    return f"{counted(len(keys), 'recording')} {'is' if len(keys) == 1 else 'are'}"


def of_notes(notes: Sequence[str]) -> Iterator[Finding]:
    """Yield what loading noted: a leak where scores would flatter the model, otherwise a note."""
    for note in notes:
        if note.endswith(FLATTERS):
            yield Finding("leak", "error", note, "make the splits again, or move the recordings into one split")
        else:
            yield Finding("note", "warning", note)


def of_copies(rows: Mapping[str, Rows], equal: Sequence[tuple[str, ...]]) -> Iterator[Finding]:
    """Yield findings on copies of recordings: in two splits, with two targets, or just twice."""
    split = {key: name for name, part in rows.items() for key in part.keys}
    target = {
        key: str(value)
        for part in rows.values()
        if part.targets
        for key, value in zip(part.keys, part.targets, strict=True)
    }
    across = [keys for keys in equal if len({split[key] for key in keys}) > 1]
    differing = [keys for keys in equal if len({target.get(key) for key in keys}) > 1]
    others = [keys for keys in equal if keys not in across and keys not in differing]
    if across:
        sentence = f"{_all(across)} in two splits, with equal content ({' = '.join(across[0][:2])})"
        yield _copies("copies in two splits", "error", sentence, "keep each in one split", across)
    if differing:
        sentence = f"{_all(differing)} equal and have different targets ({' = '.join(differing[0][:2])})"
        fix = "listen and correct the targets, or exclude all of them"
        yield _copies("copies with different targets", "error", sentence, fix, differing)
    if others:
        sentence = (
            f"{_all(others)} copies of each other, {len(others):,} without their copies ({' = '.join(others[0][:2])})"
        )
        yield _copies("duplicate", "warning", sentence, "keep one of each", others)


def _all(sets: Sequence[tuple[str, ...]]) -> str:
    return are([key for keys in sets for key in keys])


def _copies(name: str, severity: str, sentence: str, fix: str, sets: Sequence[tuple[str, ...]]) -> Finding:
    return Finding(name, severity, sentence, fix, tuple(key for keys in sets for key in keys), tuple(sets))


def of_classes(facts: Mapping[str, SplitFacts]) -> Iterator[Finding]:
    """Yield findings on classes that are hard to learn."""
    train = facts.get("train") or next(iter(facts.values()), None)
    classes = train.classes if train else {}
    if not train or len(classes) < 2:
        return
    unit = "events" if train.events else "clips"
    least, most = min(classes, key=classes.__getitem__), max(classes, key=classes.__getitem__)
    if classes[least] < IMBALANCE * classes[most]:
        sentence = f"unbalanced: {least} has {classes[least]:,} {unit} and {most} {classes[most]:,}"
        fix = "set class_weights=balanced, or set sampling=over" if unit == "clips" else "events.threshold=each"
        yield Finding("unbalanced", "warning", sentence, fix)
    few = [name for name, number in classes.items() if number < FEW_CLIPS]
    if few:
        sentence = f"fewer than {FEW_CLIPS} {unit} to learn from: {first_five(few)}"
        yield Finding("few clips", "warning", sentence, "record more, or leave the class out with data.where")


def of_headers(probed: Sequence[Probed]) -> Iterator[Finding]:
    """Yield findings on what cannot be read, and on durations and rates."""
    good = [one for one in probed if one.error is None]
    found = {
        "unreadable": [one.key for one in probed if one.error is not None],
        "too short": [one.key for one in good if one.seconds < SHORT_SECONDS],
        "long": [one.key for one in good if one.seconds > LONG_SECONDS],
        "mixed rates": [one.key for one in good if one.rate < LOW_RATE],
    }
    if keys := found["unreadable"]:
        sentence = (
            f"{len(keys):,} of {counted(len(probed), 'recording')} cannot be read ({len(keys) / len(probed):.1%})"
        )
        yield Finding("unreadable", "error", sentence, "copy or convert them again; training leaves them out", (*keys,))
    if keys := found["too short"]:
        sentence = f"{are(keys)} shorter than {SHORT_SECONDS:g} s"
        yield Finding("too short", "warning", sentence, "exclude them: models hear nothing in so little", (*keys,))
    if keys := found["long"]:
        sentence = f"{are(keys)} longer than {LONG_SECONDS:g} s"
        yield Finding("long", "info", sentence, "nothing: they are cut into windows", (*keys,))
    if (keys := found["mixed rates"]) and len(keys) < len(good):
        sentence = f"{are(keys)} below {LOW_RATE:,} Hz and others are not: the rate may reveal the class"
        fix = (
            f"if classes differ in their rates, remove what is above {min(one.rate for one in good) // 2:,} Hz from all"
        )
        yield Finding("mixed rates", "warning", sentence, fix, (*keys,))


def of_empty_transcripts(rows: Mapping[str, Rows], facts: Mapping[str, SplitFacts]) -> Iterator[Finding]:
    """Yield a finding on transcripts without a word."""
    keys = [
        key
        for name, part in rows.items()
        if facts[name].words
        for key, target in zip(part.keys, part.targets, strict=True)
        if not str(target).strip()
    ]
    if keys:
        sentence = f"{counted(len(keys), 'transcript')} {'is' if len(keys) == 1 else 'are'} empty"
        yield Finding("empty transcript", "warning", sentence, "write down what is said, or exclude them", (*keys,))
