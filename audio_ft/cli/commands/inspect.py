"""Show what data holds: counts, durations, rates, classes, faults, and what a split would leak."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import DONE, as_line, show
from audio_ft.cli.data_options import DATA_HELP, add_column_arguments, local, with_columns
from audio_ft.cli.options import add_json
from audio_ft.errors import InputError
from audio_ft.formatting import format_duration

if TYPE_CHECKING:
    from audio_ft.data.inspect import Durations, Inspection, SplitFacts

EPILOG = """examples:
  audio-ft inspect recordings
  audio-ft inspect calls.csv --target intent --group caller
  audio-ft inspect recordings --decode --json > facts.json"""
INDENT = 12
BAR = 36
MOST_CLASSES = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `inspect`."""
    parser.epilog = EPILOG
    parser.add_argument("data", metavar="DATA", help=DATA_HELP)
    add_column_arguments(parser)
    parser.add_argument("--decode", action="store_true", help="read every sample, not only headers: slower, finds more")
    add_json(parser, "everything")


def run(arguments: argparse.Namespace) -> int:
    """Print what the data holds; data that training would refuse ends in that error."""
    from audio_ft.data import Data
    from audio_ft.data.inspect import inspect
    from audio_ft.tasks import targets_of

    data = with_columns(Data(path=local(arguments.data)), arguments)
    found = inspect(data, targets=targets_of(arguments.task or "classification"), decode=arguments.decode)
    show(as_line(found.to_dict()) if arguments.json else "\n".join(as_text(found)))
    if found.problem is not None:
        raise InputError(found.problem)
    return DONE


def as_text(found: Inspection) -> Iterator[str]:
    """Yield an inspection as lines of text."""
    clips = sum(facts.clips for facts in found.splits.values())
    seconds = sum(facts.seconds for facts in found.splits.values())
    how = "every sample was read" if found.decoded else "only headers were read; --decode reads every sample"
    yield from _lines("data", f"{found.path}: {clips:,} recordings, {format_duration(seconds)} ({how})")
    yield from _lines(
        "audio", f"{_list(found.rates, '{:,} Hz')}; {_list(found.channels, '{} ch')}; {_list(found.formats)}"
    )
    if found.notes:
        yield from _lines("noticed", _list(found.notes))
    if found.rule:
        yield from _lines("splits", found.rule)
    if found.target:
        group = f"groups by {found.group}" if found.group else "no groups known"
        yield from _lines("columns", f"target {found.target!r} ({found.kind_in_words}), {group}")
    yield ""
    yield from _table(found.splits)
    if found.durations:
        yield ""
        yield from _histogram(found.durations)
    if any(facts.classes for facts in found.splits.values()):
        yield ""
        yield from _classes(found)
    yield from _targets(found)
    if found.unreadable:
        yield ""
        yield from _unreadable(found.unreadable)
    if found.leaks or found.warnings or found.duplicates:
        yield ""
    for leak in found.leaks:
        yield from _lines("leak", leak)
    for warning in found.warnings:
        yield from _lines("warning", warning)
    if found.duplicates and not found.leaks:
        first = " = ".join(found.duplicates[0][:2])
        more = f"{len(found.duplicates):,} x the same content under two names ({first})"
        yield from _lines("warning", more)
    yield ""
    yield from _lines("decoders", found.decoders)


def _width() -> int:
    return min(max(shutil.get_terminal_size((80, 24)).columns, 60), 100)


def _lines(name: str, text: str) -> list[str]:
    """Return "name   text", wrapped under itself."""
    first, rest = f"{name:<{INDENT}}", " " * INDENT
    wrapped = textwrap.wrap(text, _width(), initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in wrapped]


def _list(counts: Mapping[Any, int], form: str = "{}") -> str:
    """Return "16,000 Hz 12, 8,000 Hz 3", or the one value alone."""
    if len(counts) == 1:
        return form.format(next(iter(counts)))
    return (
        ", ".join(_whole(f"{form.format(value)} × {count:,}") for value, count in counts.items()) or "nothing readable"
    )


def _whole(text: str) -> str:
    """Return a text that is not wrapped inside."""
    return text.replace(" ", "\u00a0")


def _table(splits: Mapping[str, SplitFacts]) -> Iterator[str]:
    """Yield clips, length and groups of each split."""
    yield f"{'split':<{INDENT}}{'clips':>9}{'length':>12}{'unreadable':>12}{'groups':>9}{'classes':>9}"
    for name, facts in splits.items():
        groups = f"{facts.groups:,}" if facts.groups is not None else "–"
        classes = f"{len(facts.classes):,}" if facts.classes else "–"
        bad = f"{facts.clips - facts.readable:,}" if facts.clips > facts.readable else "–"
        lasting = format_duration(facts.seconds)
        yield f"{name or 'all':<{INDENT}}{facts.clips:>9,}{lasting:>12}{bad:>12}{groups:>9}{classes:>9}"


def _histogram(durations: Durations) -> Iterator[str]:
    """Yield the histogram of durations, a bar a line."""
    if durations.shortest == durations.longest:
        yield from _lines("seconds", f"{durations.longest:,.5g} each")
        return
    yield from _lines(
        "seconds",
        f"shortest {durations.shortest:.4g}, median {durations.median:.4g}, 95 % below {durations.p95:.4g}, "
        f"longest {durations.longest:,.5g}",
    )
    most = max(count for *_, count in durations.histogram)
    for low, high, count in durations.histogram:
        bar = "█" * round(BAR * count / most) or ("▏" if count else "")
        yield f"{f'{low:g} – {high:.4g}':>{INDENT + 6}}  {bar:<{BAR}} {count:>8,}".rstrip()


def _classes(found: Inspection) -> Iterator[str]:
    """Yield how many clips of each class each split has."""
    names = list(dict.fromkeys(name for facts in found.splits.values() for name in facts.classes))
    order = names if len(names) <= MOST_CLASSES else sorted(names, key=lambda name: -_total(found, name))[:MOST_CLASSES]
    width = min(max(len(name) for name in [*order, "class"]) + 2, 36)
    heads = [name or "all" for name in found.splits]
    yield f"{'class':<{width}}" + "".join(f"{head:>12}" for head in heads)
    for name in order:
        cells = "".join(f"{facts.classes.get(name, 0):>12,}" for facts in found.splits.values())
        yield f"{name if len(name) < width else name[: width - 2] + '…':<{width}}{cells}"
    if len(names) > len(order):
        yield f"… and {len(names) - len(order):,} smaller classes"


def _total(found: Inspection, name: str) -> int:
    return sum(facts.classes.get(name, 0) for facts in found.splits.values())


def _targets(found: Inspection) -> Iterator[str]:
    """Yield a line a split on numbers or transcripts."""
    for name, facts in found.splits.items():
        if facts.values:
            values = ", ".join(f"{what} {value:.4g}" for what, value in facts.values.items())
            yield from _lines("values", f"{name or 'all'}: {values}")
        if facts.words:
            each = facts.words["all"] / max(facts.clips, 1)
            words = f"{facts.words['all']:,}, {each:.1f} a clip, {facts.words['longest']:,} in the longest"
            yield from _lines("words", f"{name or 'all'}: {words}")


def _unreadable(unreadable: Sequence[tuple[str, str]], most: int = 12) -> Iterator[str]:
    """Yield what cannot be read, and why."""
    from audio_ft.audio.codec.source import printable

    for place, (key, reason) in enumerate(unreadable[:most]):
        yield from _lines("unreadable" if not place else "", f"{printable(key)}: {reason}")
    if len(unreadable) > most:
        yield from _lines("", f"and {len(unreadable) - most:,} more; --json lists all of them")
