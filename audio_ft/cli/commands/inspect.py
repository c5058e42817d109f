"""Show what data holds, what is wrong with it, and how to fix it."""

from __future__ import annotations

import argparse
import shlex
import shutil
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audio_ft.cli.colors import COLORS, PLAIN, marked
from audio_ft.cli.console import blocks, say, show_result, step, table
from audio_ft.cli.inputs import empty_recipe
from audio_ft.cli.options import FLAG, add_data_options, add_options, changed, require_page
from audio_ft.cli.parser import in_options
from audio_ft.errors import InputError
from audio_ft.formatting import counted, escaped, format_duration

if TYPE_CHECKING:
    from audio_ft.data import Data
    from audio_ft.data.findings import Finding
    from audio_ft.doctor.facts import Durations, SplitFacts
    from audio_ft.doctor.inspection import Inspection
    from audio_ft.targets import Target

STAGE = "data"
EPILOG = """examples:
  audio-ft inspect recordings
  audio-ft inspect calls.csv --target intent --group caller
  audio-ft inspect recordings --html findings.html
  audio-ft inspect recordings --group speaker --voices openai/whisper-tiny
  audio-ft inspect recordings --fix good.csv
  audio-ft inspect recordings --fix good.csv --doubts doubts.csv
  audio-ft inspect recordings --decode --json > facts.json"""
SETTINGS = "how data is read: data.separator=',', data.kind=number, text.language=de"
INDENT = 12
BAR, LONGEST_NAME = 36, 36
MOST_CLASSES, MOST_UNREADABLE, MOST_KEYS = 24, 12, 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `inspect`."""
    add_options(parser, "data")
    add_data_options(parser, set=SETTINGS)
    parser.add_argument("--decode", action=argparse.BooleanOptionalAction, help="read every sample, or only headers "
                        "(default: every sample of up to three hours)")  # fmt: skip
    parser.add_argument("--voices", metavar="CHECKPOINT", help="compare the voices of groups by a frozen network, such "
                        "as openai/whisper-tiny or a run's: groups that may be one speaker under two names; that needs "
                        "six groups of eight clips")  # fmt: skip
    parser.add_argument("--html", metavar="FILE", help="write a page with players, histograms and all recordings")
    add_options(parser, "--anonymize")
    parser.add_argument("--fix", metavar="OUT.csv", help="write a manifest without recordings that are unreadable, "
                        "silent, copies or copies with different targets, and a log that undoes it")  # fmt: skip
    parser.add_argument("--doubts", metavar="FILE.csv", help="with --fix: what was decided in the table of audio-ft "
                        "doubts --csv, where the column decision says accept, exclude or keep")  # fmt: skip
    parser.add_argument("--undo", **FLAG, help="put back what --fix left out or changed in the manifest DATA")
    add_options(parser, "--json", json="everything")


def run(arguments: argparse.Namespace) -> None:
    """Print what the data holds; data that training would refuse ends in that error."""
    from audio_ft.doctor.inspect import inspect
    from audio_ft.targets import Transcript
    from audio_ft.tasks import targets_of

    if arguments.undo:
        _undo(arguments)
        return
    require_page(arguments)
    if arguments.doubts and not arguments.fix:
        raise InputError("--doubts is applied by --fix; add --fix OUT.csv for the new manifest.")
    recipe = changed(empty_recipe(), arguments)
    chosen = arguments.task or recipe.task != empty_recipe().task
    targets = targets_of(recipe.task) if chosen else None
    complete = arguments.decode is None and bool(arguments.html or arguments.fix)
    step(f"reading {arguments.data}")
    found = inspect(recipe.data, targets=targets, decode=True if complete else arguments.decode)
    if arguments.voices:
        from audio_ft.evaluation.voices import with_voices
        from audio_ft.hub.load import load_frozen

        found = with_voices(found, load_frozen(arguments.voices))
    if arguments.html:
        from audio_ft.reporting.anonymous_data import anonymized_inspection
        from audio_ft.reporting.html.inspection import write_inspection

        shown = anonymized_inspection(found) if arguments.anonymize else found
        say(f"page: {write_inspection(shown, arguments.html, audio=not arguments.anonymize)}")
    if not chosen and found.kind == Transcript.kind:
        say("task        transcription, because transcripts were found and no labels (--task chooses)")
        targets = targets_of("transcription")
    show_result(arguments, found.to_dict(), as_text(found))
    if arguments.fix:
        _fix(arguments, found, recipe.data, targets or targets_of(recipe.task))
    if found.problem is not None:
        raise InputError(found.problem)


def _fix(arguments: argparse.Namespace, found: Inspection, data: Data, targets: Sequence[type[Target]]) -> None:
    """Write a corrected manifest, and say how to use it and how to undo it."""
    from audio_ft.doctor.decisions import Decisions
    from audio_ft.doctor.fix import fix

    decisions = Decisions.read(arguments.doubts, found.target or "") if arguments.doubts else None
    fixed = fix(data, found, arguments.fix, targets=targets, decisions=decisions)
    task = ["--task", arguments.task] if arguments.task else []
    settings = [part for setting in fixed.settings for part in ("--set", setting)]
    relabeled = f", {fixed.relabeled:,} with another target" if decisions else ""
    say(f"fixed: {fixed.manifest} has {fixed.kept:,} of {fixed.rows:,} rows{relabeled}; no recording was changed. "
        f"{fixed.undo.name} says why each of the others was excluded{' or changed' if decisions else ''}.")  # fmt: skip
    say(f"to train on it: audio-ft train --data {shlex.join([str(fixed.manifest), *task, *settings])}")
    say(f"to undo it: audio-ft inspect {shlex.quote(str(fixed.manifest))} --undo")


def _undo(arguments: argparse.Namespace) -> None:
    """Put back the rows that --fix left out of a manifest or changed in it."""
    from audio_ft.doctor.fix import undo

    number = undo(arguments.data)
    show_result(arguments, {"restored": number}, [f"{arguments.data}: {counted(number, 'row')} restored"])


def as_text(found: Inspection) -> list[str]:
    """Return an inspection as lines of text."""
    parts = [
        _summary(found),
        _table(found.splits),
        [*_histogram(found.durations), *_targets(found.splits)],
        _classes(found.splits),
        _unreadable(found.unreadable),
        _findings(found.findings),
        _lines("decoders", found.decoders),
    ]
    return blocks(parts)


def _summary(found: Inspection) -> list[str]:
    clips = sum(facts.clips for facts in found.splits.values())
    seconds = format_duration(sum(facts.seconds for facts in found.splits.values()))
    how = "every sample was read" if found.decoded else "only headers were read; --decode reads every sample"
    lines = _lines("data", f"{found.path}: {clips:,} recordings, {seconds} ({how})")
    kinds = _counted(found.rates, "{:,} Hz"), _counted(found.channels, "{} ch"), _counted(found.formats)
    lines += _lines("audio", "; ".join(kinds))
    if found.rule:
        lines += _lines("splits", found.rule)
    if found.leaks:
        lines += _lines("leaks", found.leaks)
    if found.voices:
        lines += _lines("voices", found.voices)
    if found.target:
        group = f"groups by {found.group}" if found.group else "no groups known (--group NAME keeps speakers apart)"
        lines += _lines("columns", f"target {found.target!r} ({found.kind_in_words}), {group}")
        lines += _lines("targets", found.reading)
    return lines


def _lines(name: str, text: str) -> list[str]:
    """Return "name   text", wrapped under itself; a no-break space becomes a space that no line ends with."""
    first, rest = f"{name:<{INDENT}}", " " * INDENT
    width = min(max(shutil.get_terminal_size((80, 24)).columns, 60), 100)
    wrapped = textwrap.wrap(
        escaped(in_options(text)), width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )
    return [line.replace("\u00a0", " ") for line in wrapped]


def _counted(counts: Mapping[Any, int], form: str = "{}") -> str:
    """Return "16,000 Hz × 12, 8,000 Hz × 3", or the one value alone."""
    if len(counts) == 1:
        return form.format(next(iter(counts)))
    items = (f"{form.format(value)} × {count:,}".replace(" ", "\u00a0") for value, count in counts.items())
    return ", ".join(items) or "nothing readable"


def _table(splits: Mapping[str, SplitFacts]) -> list[str]:
    """Return clips, length and groups of each split."""
    rows = [("split", "clips", "length", "unreadable", "groups", "classes")]
    for name, facts in splits.items():
        unreadable, classes = facts.clips - facts.readable, len(facts.classes)
        groups = "–" if facts.groups is None else f"{facts.groups:,}"
        counts = [f"{count:,}" if count else "–" for count in (unreadable, classes)]
        rows.append((name or "all", f"{facts.clips:,}", format_duration(facts.seconds), counts[0], groups, counts[1]))
    return table(rows, right=True)


def _histogram(durations: Durations | None) -> list[str]:
    """Return the histogram of durations, a bar a line."""
    if durations is None:
        return []
    if durations.shortest == durations.longest:
        return _lines("seconds", f"{durations.longest:,.5g} each")
    middle = f"median {durations.median:.4g}, 95 % below {durations.p95:.4g}"
    lines = _lines("seconds", f"shortest {durations.shortest:.4g}, {middle}, longest {durations.longest:,.5g}")
    most = max(count for *_, count in durations.histogram)
    for low, high, count in durations.histogram:
        bar = "█" * round(BAR * count / most) or ("▏" if count else "")
        lines.append(f"{f'{low:g} – {high:.4g}':>{INDENT + 6}}  {bar:<{BAR}} {count:>8,}".rstrip())
    return lines


def _targets(splits: Mapping[str, SplitFacts]) -> list[str]:
    """Return a line a split on numbers, transcripts or events."""
    lines = []
    for name, facts in splits.items():
        if facts.values:
            values = ", ".join(f"{what} {value:.4g}" for what, value in facts.values.items())
            lines += _lines("values", f"{name or 'all'}: {values}")
        if facts.words:
            each = facts.words["all"] / max(facts.clips, 1)
            words = f"{facts.words['all']:,}, {each:.1f} a clip, {facts.words['longest']:,} in the longest"
            lines += _lines("words", f"{name or 'all'}: {words}")
        if facts.events:
            lines += _lines("events", f"{name or 'all'}: {_events(facts.events)}")
    return lines


def _events(counts: Mapping[str, float]) -> str:
    """Return how many events there are, how long they last, and what is special about them."""
    parts = [f"{counts['all']:,.0f}"]
    if "median" in counts:
        parts.append(f"median {counts['median']:.4g} s, longest {counts['longest']:.4g} s")
    parts.append(f"{counts['overlapping']:,.0f} begin before the last has ended")
    if counts["without"]:
        parts.append(f"recordings without any: {counts['without']:,.0f}")
    return ", ".join(parts)


def _classes(splits: Mapping[str, SplitFacts]) -> list[str]:
    """Return how many clips of each class each split has."""
    total = Counter[str]()
    for facts in splits.values():
        total.update(facts.classes)
    if not total:
        return []
    shown = [name for name, _ in total.most_common(MOST_CLASSES)] if len(total) > MOST_CLASSES else list(total)
    rows = [("class", *(name or "all" for name in splits))]
    for name in shown:
        short = name if len(name) < LONGEST_NAME else f"{name[: LONGEST_NAME - 2]}…"
        rows.append((short, *(f"{facts.classes.get(name, 0):,}" for facts in splits.values())))
    more = [f"… and {len(total) - len(shown):,} smaller classes"] if len(total) > len(shown) else []
    return table(rows, right=True) + more


def _unreadable(unreadable: Sequence[tuple[str, str]]) -> list[str]:
    """Return what cannot be read, and why."""
    lines = []
    for place, (key, reason) in enumerate(unreadable[:MOST_UNREADABLE]):
        lines += _lines("unreadable" if not place else "", f"{key}: {reason}")
    if len(unreadable) > MOST_UNREADABLE:
        lines += _lines("", f"and {len(unreadable) - MOST_UNREADABLE:,} more; --json lists all of them")
    return lines


def _findings(findings: Sequence[Finding]) -> list[str]:
    """Return what to fix, the most severe first, each with the first recordings that it is about."""
    lines = []
    for place, finding in enumerate(findings, start=1):
        first, *others = _lines(finding.severity, f"{place}. {finding.sentence}")
        color = COLORS.get(finding.severity, PLAIN)
        lines += [marked(first, color, len(finding.severity)), *others]
        if finding.keys:
            more = len(finding.keys) - MOST_KEYS
            named = ", ".join(finding.keys[:MOST_KEYS])
            lines += _lines("", f"{named} and {more:,} more; --json lists all" if more > 0 else named)
        if finding.fix:
            lines += _lines("", f"to fix: {finding.fix}")
    return lines
